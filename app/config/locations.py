"""Where the worker's files are. Standard library only, because a health check imports it."""

from collections.abc import Mapping
from pathlib import Path

DATA_DIR = Path("/app/data")
STATE_FILE = "updater-state.json"


def journal_in(environ: Mapping[str, str]) -> Path:
    """UPDATER_STATE_PATH, or the file in UPDATER_DATA_DIR."""
    data = Path(environ.get("UPDATER_DATA_DIR") or DATA_DIR)
    return Path(environ.get("UPDATER_STATE_PATH") or data / STATE_FILE)


def lease_beside(journal: Path) -> Path:
    return journal.with_name(journal.name + ".lock")
