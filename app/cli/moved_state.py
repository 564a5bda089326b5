"""`updater export-state` and `updater import-state`: a process of the worker's code, beside its files."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from app.cli.errors import Refused

SOURCES = Path(__file__).parents[2]
SECONDS = 300.0


def move(command: str, file: Path, environ: Mapping[str, str]) -> str:
    """Runs it with the worker's environment. Returns what it says. Raises Refused."""
    words = [sys.executable, "-P", "-m", "workers.moved_state", command, str(file.absolute())]
    paths = os.pathsep.join(filter(None, [str(SOURCES), environ.get("PYTHONPATH")]))
    done = subprocess.run(
        words,
        env={**environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise Refused(f"{done.stderr.strip()}.", "Correct that, then run this again.")
    return done.stdout.strip()
