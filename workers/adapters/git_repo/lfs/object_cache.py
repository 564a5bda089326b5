"""The contents of Git LFS files, by their SHA-256, beside the mirror; as Git LFS itself keeps them."""

import contextlib
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from app.domain.errors import GitFailed
from app.files import sync_directory
from workers.adapters.git_repo.lfs.large_file import LargeFile, failure

UNUSED_SECONDS = 86_400.0
"""How long a content stays that no tree has; a checkout that failed may fetch the rest later."""

_COPY_BYTES = 1024**2


class ObjectCache:
    """The contents below `directory`. All methods block. A content in it is complete, and was on disk before."""

    def __init__(self, directory: Path) -> None:
        self._objects, self._incoming = directory / "objects", directory / "incoming"

    def has(self, file: LargeFile) -> bool:
        try:
            return self._place(file.oid).stat().st_size == file.size
        except OSError:
            return False

    def check_room(self, missing: Sequence[LargeFile], copies: Sequence[LargeFile]) -> None:
        """Raises GitFailed if the disk has no room for `missing` contents and `copies` in a tree."""
        needed = sum(file.size for file in (*missing, *copies))
        with _stored(copies[0]):
            self._incoming.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self._incoming).free
        if needed > free:
            why = f"the disk has {free} bytes free, and {needed} are needed. Free space in UPDATER_DATA_DIR"
            raise failure(copies, why)

    def receive(self, file: LargeFile) -> "IncomingContent":
        return IncomingContent(file, self._incoming, self._place(file.oid))

    def put(self, file: LargeFile, tree: Path) -> None:
        """Replaces the pointer of `file` in `tree` by a copy of the content, with the pointer's mode.

        A hard link would share the mode and every later change with the other trees. The copy is verified again:
        GitFailed is raised, and the content is dropped, if the disk has changed it.
        """
        with _stored(file):
            target = tree / file.path
            mode = stat.S_IMODE(target.lstat().st_mode)
            target.unlink()
            with self._place(file.oid).open("rb") as content, target.open("xb") as copy:
                same = _copied(content, copy) == (file.oid, file.size)
                os.fchmod(copy.fileno(), mode)
                os.fsync(copy.fileno())
        if not same:
            self._place(file.oid).unlink(missing_ok=True)
            raise failure([file], "its stored copy was damaged, and has been removed. The next attempt fetches it")

    def collect(self, used: Collection[str]) -> None:
        """Removes the contents other than `used`, and what interrupted downloads left, if they are old."""
        for place in [*self._objects.glob("*/*/*"), *self._incoming.glob("*")]:
            with contextlib.suppress(FileNotFoundError):
                if place.name not in used and time.time() - place.stat().st_mtime >= UNUSED_SECONDS:
                    place.unlink()

    def _place(self, oid: str) -> Path:
        return self._objects / oid[:2] / oid[2:4] / oid


class IncomingContent:
    """A content on its way: a file beside the cache, which goes into the cache only if it is complete and right.

    The first call that needs the file makes it; `discard` has to be the last call.
    """

    def __init__(self, file: LargeFile, directory: Path, place: Path) -> None:
        self._file, self._directory, self._place = file, directory, place
        self._received, self._hash = 0, hashlib.sha256()

    @cached_property
    def _written(self) -> IO[bytes]:
        return NamedTemporaryFile(dir=self._directory, delete=False)

    def discard(self) -> None:
        """Removes what was not kept."""
        with contextlib.suppress(OSError):  # a full disk may refuse what is still to be written
            self._written.close()
        with contextlib.suppress(OSError):
            Path(self._written.name).unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """Raises GitFailed, as soon as the content is too long."""
        self._received += len(piece)
        if self._received > self._file.size:
            raise failure([self._file], f"it is larger than the {self._file.size} bytes that its pointer says")
        self._hash.update(piece)
        with _stored(self._file):
            self._written.write(piece)

    def keep(self) -> None:
        """Moves the content into the cache. Raises GitFailed if it is not what the pointer says."""
        if self._received != self._file.size:
            raise failure([self._file], f"it ends after {self._received} of {self._file.size} bytes")
        if self._hash.hexdigest() != self._file.oid:
            raise failure([self._file], "its content has another SHA-256 than its pointer says")
        with _stored(self._file):
            self._written.flush()
            os.fsync(self._written.fileno())
            self._place.parent.mkdir(parents=True, exist_ok=True)
            Path(self._written.name).rename(self._place)
            sync_directory(self._place.parent)


def _copied(content: IO[bytes], copy: IO[bytes]) -> tuple[str, int]:
    """Copies, and returns the SHA-256 and the bytes of what was read."""
    digest, size = hashlib.sha256(), 0
    while piece := content.read(_COPY_BYTES):
        digest.update(piece)
        size += copy.write(piece)
    copy.flush()
    return digest.hexdigest(), size


@contextlib.contextmanager
def _stored(file: LargeFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_stored(file, error) from error


def _not_stored(file: LargeFile, error: OSError) -> GitFailed:
    return failure([file], f"it could not be written to disk ({error.strerror}); it has {file.size} bytes")
