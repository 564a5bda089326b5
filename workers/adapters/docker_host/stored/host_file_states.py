"""The state of single files of the host: of what they hold, and whether anything wrote to them."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.definition.files.live_files import LiveFile, Record

LARGEST = 16 << 20
"""The largest file whose content is read, in bytes. Of a larger one, the size and the time of the last write count."""

MISSING = "missing"


def state(path: Path) -> str:
    """A text that every write to the file, and every replacement of it, changes: also one that is undone later.

    Only the kernel sets the time of the last change (ctime): a program cannot set it back.
    """
    try:
        link, file = path.lstat(), path.stat()
    except OSError as error:
        return f"{MISSING} {type(error).__name__}"
    return f"{link.st_ino} {link.st_ctime_ns} {_inode(path)} {file.st_ctime_ns} {file.st_size}"


def states(paths: Iterable[Path]) -> dict[str, str]:
    return {str(path): state(path) for path in paths}


def record(marks: ValueMarks, files: Iterable[LiveFile]) -> Record:
    """The record of those of `files` that are not directories. Raises OSError if the key of the marks is unreadable."""
    wanted = {each.path: each for each in files if not Path(each.path).is_dir()}
    content = marks.of({path: _content(Path(path)) for path in wanted})
    return {
        path: {"mark": content[path], **({"inode": _inode(Path(path))} if each.writable else {})}
        for path, each in wanted.items()
    }


def untouched_since(files: Iterable[LiveFile], moment: datetime) -> bool:
    """Whether nothing replaced one of `files` after `moment`, or wrote to it, unless its container may write to it."""
    return all(_last_change(Path(each.path)) <= moment.timestamp() for each in files if not each.writable)


def _last_change(path: Path) -> float:
    """Seconds; 0 for a directory, in which a container sees every change."""
    try:
        return 0.0 if path.is_dir() else max(path.lstat().st_ctime, path.stat().st_ctime)
    except OSError:
        return float("inf")


def _inode(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return MISSING
    return f"{found.st_dev}:{found.st_ino}"


def _content(path: Path) -> str:
    try:
        return _read(path)
    except PermissionError:
        return state(path)
    except OSError:
        return MISSING


def _read(path: Path) -> str:
    found = path.stat()
    if found.st_size > LARGEST or not path.is_file():
        return f"{found.st_size} {found.st_mtime_ns}"
    return path.read_bytes().decode("utf-8", "surrogateescape")
