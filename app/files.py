"""Replaces a file atomically: after a crash it has either the old or the new content."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path

_NUMBERS = itertools.count()
"""Two threads that replace the same file never share a staging file."""


def replace_durably(
    path: Path, content: bytes, *, staging: Path, mode: int, prepare: Callable[[int], None] = lambda _: None
) -> None:
    """Writes `content` to a file in `staging` and renames it to `path`; both must be on the same filesystem.

    The content is on disk before the rename, and the rename is on disk before the function returns. `prepare` gets
    the descriptor of the new file before the rename, for example to change its owner. Raises OSError.
    """
    staged = staging / f".{path.name}.{os.getpid()}.{next(_NUMBERS)}"
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            prepare(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    sync_directory(path.parent)


def keep_copy(path: Path, *, mode: int) -> Path | None:
    """Copies a file that cannot be read as a whole to `<name>.unreadable`. Returns the copy; None if that fails."""
    copy = path.with_name(f"{path.name}.unreadable")
    try:
        replace_durably(copy, path.read_bytes(), staging=path.parent, mode=mode)
    except OSError:
        return None
    return copy


def sync_directory(directory: Path) -> None:
    """Flushes the file names in `directory` to disk."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
