"""The rollout history on disk, which survives the loss of Redis."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import structlog

from app.domain.history import HistoryEntry
from app.files import replace_durably
from app.stored import read_entry

ENTRIES_KEPT = 1_000
LINES_KEPT = 2 * ENTRIES_KEPT
"""With more lines, the file is compacted to ENTRIES_KEPT."""

UNREADABLE_KEPT = 100
"""How many lines of another version are kept for it."""

MODE = 0o600

log = structlog.get_logger()


class HistoryFile:
    """One JSON object per line. A line is on disk when `append` returns. A line that a crash tore is skipped.

    A later entry of a rollout replaces an earlier one, which was written by an interrupted attempt, or before the
    worker was killed without journaling the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: int | None = None

    def append(self, entry: HistoryEntry) -> None:
        """Writes `entry`. If the write fails, only this entry is lost; the rollout goes on."""
        try:
            self._append(_line(entry))
        except OSError as error:
            log.warning("the history could not be written", path=str(self._path), reason=str(error))

    def entries(self) -> list[HistoryEntry]:
        """The newest ENTRIES_KEPT, newest first."""
        try:
            return _newest(self._read())
        except OSError as error:
            log.warning("the history cannot be read", path=str(self._path), reason=str(error))
            return []

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
        with os.fdopen(handle, "ab") as file:
            file.write(f"\n{line}\n".encode())  # the first newline separates it from a torn line
            file.flush()
            os.fsync(file.fileno())
        self._lines = len(self._read()) if self._lines is None else self._lines + 1  # earlier workers wrote some
        if self._lines > LINES_KEPT:
            self._compact()

    def _compact(self) -> None:
        before = self._read()
        foreign = [line for line in before if read_entry(line) is None and _is_object(line)][-UNREADABLE_KEPT:]
        lines = [*foreign, *map(_line, reversed(_newest(before)))]
        content = "".join(f"{line}\n" for line in lines)
        replace_durably(self._path, content.encode(), staging=self._path.parent, mode=MODE)
        self._lines = len(lines)

    def _read(self) -> list[str]:
        """Raises OSError."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines() if line]


def _newest(lines: Iterable[str]) -> list[HistoryEntry]:
    """Returns the newest ENTRIES_KEPT of `lines`, newest first, one for each rollout."""
    by_rollout: dict[str, HistoryEntry] = {}
    for entry in filter(None, map(read_entry, lines)):
        by_rollout.pop(entry.rollout_id, None)
        by_rollout[entry.rollout_id] = entry
    return list(reversed(by_rollout.values()))[:ENTRIES_KEPT]


def _line(entry: HistoryEntry) -> str:
    return json.dumps(asdict(entry))


def _is_object(line: str) -> bool:
    """Returns whether another version may be able to read `line`: a torn line is no JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
