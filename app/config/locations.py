"""Paths of the worker's files. Standard library only, because a health check imports this module."""

from collections.abc import Mapping
from pathlib import Path

DATA_DIR = Path("/app/data")
STATE_FILE = "updater-state.json"


def journal_in(environ: Mapping[str, str]) -> Path:
    """The path of the state file: UPDATER_STATE_PATH, or STATE_FILE in UPDATER_DATA_DIR."""
    data = Path(environ.get("UPDATER_DATA_DIR") or DATA_DIR)
    return Path(environ.get("UPDATER_STATE_PATH") or data / STATE_FILE)


def lease_beside(journal: Path) -> Path:
    return journal.with_name(journal.name + ".lock")
