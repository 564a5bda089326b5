"""Records what a checkout put into the submodules of a tree, and finds what a crash, or a person, changed there.

Git compares none of it: to git, a submodule without a `.git` is a directory that it does not look into.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from app.domain.errors import GitFailed
from app.files import replace_durably
from workers.definition.files.submodule_record import PLACE, SubmoduleRecord, recorded

HASHED_BYTES = 1024**2
"""Larger files count by name and size: with gigabytes in a submodule, each plan would read them all.

Source code is smaller, and is compared by content: a power cut may leave a file with its size, but with zeros. Times
are not part of it, so that each checkout of a commit leaves the same record.
"""


def write_record(tree: Path, places: Iterable[str], unfetched: Sequence[str]) -> None:
    """Records that `tree` has the submodules at `places`, and not those at `unfetched`. Raises GitFailed."""
    try:
        record = SubmoduleRecord({place: _digest(tree / place) for place in places}, unfetched)
        replace_durably(tree / PLACE, record.content(), staging=(tree / PLACE).parent, mode=0o644)
    except OSError as error:
        raise GitFailed(f"the release's submodules could not be recorded ({error.strerror})") from error


def is_as_recorded(tree: Path, wanted: Collection[str]) -> bool:
    """Whether `tree` has a record with the submodules `wanted`, and all that it has are unchanged."""
    record = recorded(tree)
    if record is None or not set(wanted) <= set(record.filled):
        return False
    try:
        return all(_digest(tree / place) == digest for place, digest in record.filled.items())
    except OSError:
        return False


def _digest(top: Path) -> str:
    """A hash of the names in the directory, and of what `_state` says of each. Raises OSError."""
    whole = hashlib.sha256()
    for at, directories, files in os.walk(top, onerror=_fail):
        directories.sort()  # the order in which os.walk goes on
        for name in sorted((*directories, *files)):
            path = Path(at, name)
            whole.update(b"%s\0%s\0" % (os.fsencode(path.relative_to(top)), _state(path)))
    return whole.hexdigest()


def _state(path: Path) -> bytes:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return b"link " + os.fsencode(path.readlink())
    if not stat.S_ISREG(status.st_mode):
        return b"directory" if stat.S_ISDIR(status.st_mode) else b"device"
    content = hashlib.sha256(path.read_bytes()).hexdigest() if status.st_size <= HASHED_BYTES else ""
    return f"file {status.st_mode & stat.S_IXUSR} {status.st_size} {content}".encode()


def _fail(error: OSError) -> NoReturn:
    raise error
