"""`updater export-state` and `updater import-state`: a process of the worker's code, beside its files."""

from collections.abc import Mapping
from pathlib import Path

from app.cli.errors import Refused
from app.cli.worker_code import run_module


def move(command: str, file: Path, environ: Mapping[str, str]) -> str:
    """Runs it with the worker's environment. Returns what it says. Raises Refused."""
    done = run_module("workers.moved_state", command, str(file.absolute()), environ=environ)
    if done.returncode:
        raise Refused(f"{done.stderr.strip()}.", "Correct that, then run this again.")
    return done.stdout.strip()
