"""The updater's data directory: what its files use, and what is deleted."""

import contextlib
import os
import re
import stat
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import structlog

from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.ports.storage import Use

BLOCK_BYTES = 512
"""The unit of st_blocks. https://man7.org/linux/man-pages/man3/stat.3type.html"""

STAGED_SECONDS = 24 * 3600.0
"""A staging file that is older was left by a process that was killed."""

_STAGED = re.compile(r"\..+\.[0-9]+\.[0-9]+")
_PLACES: Mapping[Use, tuple[str, ...]] = {
    Use.LOGS: ("logs",),
    Use.HISTORY: ("history.jsonl",),
    Use.MIRROR: ("git", "mirror.git"),
    Use.TREES: ("git", "trees"),
    Use.DEFINITIONS: ("releases",),
    Use.FILES: ("files",),
}

log = structlog.get_logger()


class DataDirectory:
    """The files below `directory`. `logs` are those of the rollouts."""

    def __init__(self, directory: Path, logs: RolloutLogs) -> None:
        self._directory, self._logs = directory, logs

    def used(self) -> Mapping[Use, int]:
        """Returns the bytes on disk for each use. What cannot be read counts nothing."""
        root = self._directory.resolve()  # the directory itself may be a symbolic link to another disk
        places = {str(root.joinpath(*parts)): use for use, parts in _PLACES.items()}
        used, left = dict.fromkeys(Use, 0), [(str(root), Use.OTHER)]
        while left:
            path, use = left.pop()
            use = places.get(path, use)
            with contextlib.suppress(OSError):
                found = os.lstat(path)
                used[use] += found.st_blocks * BLOCK_BYTES
                if stat.S_ISDIR(found.st_mode):
                    left += [(entry.path, use) for entry in os.scandir(path)]
        return used

    def prune(self, keep: Collection[str]) -> int:
        """Deletes old logs, except those of the rollouts in `keep`, and old staging files. Returns the bytes freed."""
        return self._logs.prune(keep) + sum(_deleted(path) for path in self._left_behind())

    def _left_behind(self) -> list[Path]:
        """Returns the staging files of app/files.py beside the updater's own files, not those inside a release tree."""
        before = time.time() - STAGED_SECONDS
        folders = [self._directory, *self._directory.glob("releases/*"), *self._directory.glob("succession/*")]
        staged = [path for folder in folders for path in folder.glob(".*") if _STAGED.fullmatch(path.name)]
        return [path for path in staged if (at := _written_at(path)) is not None and at < before]


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _deleted(path: Path) -> int:
    """Deletes the file and returns the bytes freed."""
    try:
        size = path.stat().st_size
        path.unlink()
    except OSError as error:
        log.warning("a file that a killed worker left could not be deleted", path=str(path), reason=str(error))
        return 0
    return size
