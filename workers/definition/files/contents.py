"""Compares files and directories by what is in them: names, contents and the right to execute."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

DIGEST_LENGTH = 32
GIT = ".git"
PLACEHOLDERS = frozenset({GIT, ".gitkeep", ".keep", ".gitignore"})
"""Files that keep a directory in Git. A directory that is not Git's needs none."""

SHOWN = 5
"""How many names of a long list a message has."""

_CHUNK = 1 << 20


def digest(path: Path, label: str = "") -> str:
    """A hash of `label` and of the file, or of all in the directory but Git's own. Links in it count as what they say.

    A `path` that is a link itself counts as what it leads to. Raises OSError.
    """
    whole = hashlib.sha256(f"{len(label)}:{label}:".encode("utf-8", "surrogateescape"))
    for name, entry in _entries(path.resolve()):
        whole.update(f"{len(name)}:{name}:".encode("utf-8", "surrogateescape"))
        whole.update(_state(entry))
    return whole.hexdigest()[:DIGEST_LENGTH]


def differing(release: Path, live: Path, most: int = 20) -> list[str]:
    """The first `most` files of `release` that `live` does not have in the same form, by their names in it.

    If either is a link itself, what it leads to is compared.
    """
    top, there = release.resolve(), live.resolve()
    entries = (entry for entry in _entries(top) if entry[1].name not in PLACEHOLDERS)
    names = (name or release.name for name, entry in entries if not _same(entry, there / name if name else there))
    return list(islice(names, most))


def equal(release: Path, live: Path) -> bool:
    """Whether both have the same files in the same form. Reads no more than `release` has."""
    return not differing(release, live, 1) and not added(release, live, 1)


def added(release: Path, live: Path, most: int = 20) -> list[str]:
    """The first `most` entries of `live` that `release` does not have, as far as this process may look.

    A directory that the release does not have counts as one.
    """
    return list(islice(_added(release, live), most))


def some(names: Iterable[str]) -> str:
    """The names for a message: the first SHOWN of many."""
    first = list(islice(names, SHOWN + 1))
    return ", ".join(first[:SHOWN]) + (" and others" if len(first) > SHOWN else "")


def _added(release: Path, live: Path, name: str = "") -> Iterator[str]:
    try:
        entries = sorted(live.iterdir()) if release.is_dir() and live.is_dir() else []
    except OSError:
        return
    for entry in entries:
        inside = f"{name}/{entry.name}" if name else entry.name
        if entry.name in PLACEHOLDERS:
            continue
        if os.path.lexists(release / entry.name):
            yield from _added(release / entry.name, entry, inside)
        else:
            yield inside


def _same(one: Path, other: Path) -> bool:
    try:
        return _state(one) == _state(other)
    except OSError:
        return False


def _entries(path: Path, name: str = "") -> Iterator[tuple[str, Path]]:
    """`path`, which is no link, and everything below it, sorted, each with its name below `path`."""
    yield name, path
    if path.is_dir() and not path.is_symlink():
        for entry in sorted(path.iterdir()):
            if entry.name != GIT:
                yield from _entries(entry, f"{name}/{entry.name}" if name else entry.name)


def _state(path: Path) -> bytes:
    """The entry's kind, with a hash of what it holds."""
    status = path.stat() if not path.is_symlink() else path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return b"link " + os.fsencode(path.readlink())
    if stat.S_ISDIR(status.st_mode):
        return b"directory"
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path} is neither a file nor a directory")
    content = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    kind = b"program " if status.st_mode & stat.S_IXUSR else b"file "
    return kind + content.digest()
