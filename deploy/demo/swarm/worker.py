"""Runs the worker for a stack with `engine: swarm`, which `python -m workers.main` refuses: that engine is incomplete.

Usage: `python -m deploy.demo.swarm.worker FILE`, in which `stack_written` wrote the stack.
"""

import asyncio
import os
import pickle
import sys
from pathlib import Path

from app.config.settings import WorkerSettings
from app.domain.stack import Stack
from app.logs import configure_logs
from workers.main import run
from workers.wiring import redactor_of


def stack_written(file: Path, stack: Stack) -> None:
    file.write_bytes(pickle.dumps(stack))


def main(arguments: list[str]) -> None:
    (file,) = arguments
    configure_logs()
    settings = WorkerSettings.from_environ(os.environ)
    stack: Stack = pickle.loads(Path(file).read_bytes())  # noqa: S301 - the program that starts this one wrote it
    asyncio.run(run(settings, stack, redactor_of(settings, stack)))


if __name__ == "__main__":
    main(sys.argv[1:])
