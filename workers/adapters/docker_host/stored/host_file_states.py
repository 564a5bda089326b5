"""The state of single files of the host: of what they hold, and whether anything wrote to them."""

import stat
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from workers.adapters.docker_host.stored.birth_time import birth_time
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.definition.files.live_files import LiveFile, Record, differing

LARGEST = 16 << 20
"""The largest file whose content is read, in bytes. Of a larger one, the size and the time of the last write count."""

MISSING = "missing"


def state(path: Path, *, relabeled: bool = False) -> str:
    """A text that every write to the file, and every replacement of it, changes: also one that is undone later.

    Only the kernel sets the time of the last change (ctime): a program cannot set it back. A new SELinux label is such
    a change too, so for a `relabeled` file the time of the last write counts.
    """
    try:
        link, file = path.lstat(), path.stat()
    except OSError as error:
        return f"{MISSING} {type(error).__name__}"
    times = (link.st_mtime_ns, file.st_mtime_ns) if relabeled else (link.st_ctime_ns, file.st_ctime_ns)
    return f"{link.st_ino} {times[0]} {_inode(path)} {times[1]} {file.st_size}"


def states(paths: Iterable[Path]) -> dict[str, str]:
    return {str(path): state(path) for path in paths}


def record(marks: ValueMarks, files: Iterable[LiveFile]) -> Record:
    """The record of those of `files` that are files or missing. Raises OSError if the marks' key is unreadable."""
    wanted = {each.path: each for each in files if _has_versions(Path(each.path))}
    content = marks.of({path: _content(Path(path), relabeled=each.relabeled) for path, each in wanted.items()})
    return {
        path: {"mark": content[path], **(_identity(Path(path)) if each.writable else {})}
        for path, each in wanted.items()
    }


def other_versions(marks: ValueMarks, before: Record) -> list[str]:
    """The files of the record `before` that have another content now."""
    files = [LiveFile(path, writable="inode" in file) for path, file in before.items()]
    return differing(before, record(marks, files))


def untouched_since(files: Iterable[LiveFile], moment: datetime) -> bool:
    """Whether nothing replaced one of `files` after `moment`, or wrote to it, unless its container may write to it."""
    changes = ((_last_replacement if each.writable else last_change)(Path(each.path)) for each in files)
    return all(change <= moment.timestamp() for change in changes)


def last_change(path: Path) -> float:
    """When the path last began to lead to another file or content, in seconds. Infinite if the file is missing.

    0 for a directory, in which a container sees every change.
    """
    try:
        return 0.0 if path.is_dir() else max(path.lstat().st_ctime, path.stat().st_ctime, _last_move(path))
    except OSError:
        return float("inf")


def _last_replacement(path: Path) -> float:
    """As `last_change`, of a file that its container may write to, as far as that shows."""
    try:
        if path.is_dir():
            return 0.0
        link = path.lstat()
        linked = link.st_ctime if stat.S_ISLNK(link.st_mode) else 0.0
        return max(linked, (birth_time(path) or 0) / 1e9, _last_move(path))
    except OSError:
        return float("inf")


def _last_move(path: Path) -> float:
    """When a link above `path` was made, or a directory above it was last renamed, as far as that shows.

    A rename changes only the time of the last change, a new or removed entry also that of the last write: a rename
    within one tick of the filesystem's clock (some ms) after the last new entry does not show. Directories on other
    devices do not count: those of the worker's own container have mount points that each start makes. Raises OSError.
    """
    devices = {path.lstat().st_dev, path.stat().st_dev}
    above = [directory.lstat() for directory in {*path.absolute().parents, *path.resolve().parents}]
    moved = [s for s in above if stat.S_ISLNK(s.st_mode) or s.st_ctime_ns != s.st_mtime_ns]
    return max((status.st_ctime for status in moved if status.st_dev in devices), default=0.0)


def _identity(path: Path) -> dict[str, str]:
    birth = birth_time(path)
    return {"inode": _inode(path), **({} if birth is None else {"birth": str(birth)})}


def _inode(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return MISSING
    return f"{found.st_dev}:{found.st_ino}"


def _has_versions(path: Path) -> bool:
    """Whether it is no directory, socket, pipe or device. True if the worker may not look."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _content(path: Path, *, relabeled: bool) -> str:
    try:
        return _read(path)
    except PermissionError:
        return state(path, relabeled=relabeled)
    except OSError:
        return MISSING


def _read(path: Path) -> str:
    found = path.stat()
    if found.st_size > LARGEST:
        return f"{found.st_size} {found.st_mtime_ns}"
    return path.read_bytes().decode("utf-8", "surrogateescape")
