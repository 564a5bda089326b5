"""The rollout history on disk, which survives the loss of Redis."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from app.domain.history import HistoryEntry
from app.files import replace_durably

ENTRIES_KEPT = 1_000
MODE = 0o600

ENTRY = TypeAdapter(HistoryEntry)
log = structlog.get_logger()


class HistoryFile:
    """One JSON object per line. A line is on disk when `append` returns. A line that a crash tore is skipped.

    A later entry of a rollout replaces an earlier one, which was written by an interrupted attempt, or before the
    worker was killed without journaling the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0

    def append(self, entry: HistoryEntry) -> None:
        """Writes `entry`. If the write fails, only this entry is lost; the rollout goes on."""
        try:
            self._append(_line(entry))
        except OSError as error:
            log.warning("the history could not be written", path=str(self._path), reason=str(error))

    def entries(self) -> list[HistoryEntry]:
        """The newest ENTRIES_KEPT, newest first."""
        by_rollout: dict[str, HistoryEntry] = {}
        for entry in self._read():
            by_rollout.pop(entry.rollout_id, None)
            by_rollout[entry.rollout_id] = entry
        return list(reversed(by_rollout.values()))[:ENTRIES_KEPT]

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
        with os.fdopen(handle, "ab") as file:
            file.write(f"\n{line}\n".encode())  # the first newline separates it from a torn line
            file.flush()
            os.fsync(file.fileno())
        self._lines += 1
        if self._lines > ENTRIES_KEPT:
            self._compact()

    def _compact(self) -> None:
        kept = "".join(f"{_line(entry)}\n" for entry in reversed(self.entries()))
        replace_durably(self._path, kept.encode(), staging=self._path.parent, mode=MODE)
        self._lines = 0

    def _read(self) -> list[HistoryEntry]:
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("the history cannot be read", path=str(self._path), reason=str(error))
            return []
        return [entry for line in lines if line and (entry := _parsed(line))]


def _line(entry: HistoryEntry) -> str:
    return json.dumps(asdict(entry))


def _parsed(line: str) -> HistoryEntry | None:
    """None for a line that a crash tore, and for one that is no entry."""
    try:
        return ENTRY.validate_json(line)
    except ValidationError:
        return None
