"""Copies of the files that containers mount: they never change. Each is under the hash of its name and its content.

Releases with the same file share its copy, so a file that a release does not change does not change how a service is
defined. A worktree can be deleted while containers use its files.
"""

import itertools
import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path

from app.domain.errors import EngineFailed
from app.files import sync_directory
from workers.definition.files.contents import DIGEST_LENGTH, GIT, digest
from workers.ports.mutation import Fence, no_fence

STAGING = ".new-"
DIRECTORY_MODE, FILE_MODE, PROGRAM_MODE = 0o755, 0o644, 0o755

_NUMBERS = itertools.count()


class FileStore:
    """Keeps `<hash>/<name>` below `directory`. The fence comes right before each removal."""

    def __init__(self, directory: Path, fence: Fence = no_fence) -> None:
        self.directory, self._fence = directory, fence

    def place(self, source: Path) -> Path:
        """Where `put` would keep the file or directory `source`. Writes nothing. Raises EngineFailed."""
        name = source.name or "files"
        try:
            return self.directory / digest(source, name) / name
        except OSError as error:
            raise EngineFailed(f"{source} cannot be read ({error})") from error

    def put(self, source: Path) -> Path:
        """Copies `source`, which is on disk when this returns. Raises EngineFailed."""
        place = self.place(source)
        if not place.parent.exists():
            try:
                self._copy(source, place)
            except OSError as error:
                raise EngineFailed(f"{source} could not be copied to {place} ({error})") from error
        return place

    def missing(self, paths: Collection[str]) -> list[str]:
        """Those of `paths` that should be here, and are not."""
        return [path for path in paths if Path(path).is_relative_to(self.directory) and not Path(path).exists()]

    def prune(self, used: Collection[str]) -> None:
        """Removes the copies that no path in `used` leads to."""
        kept = {part for path in used for part in Path(path).parts if len(part) == DIGEST_LENGTH}
        for entry in self.directory.iterdir() if self.directory.exists() else ():
            if entry.name not in kept:
                self._fence()
                shutil.rmtree(entry, ignore_errors=True)

    def _copy(self, source: Path, place: Path) -> None:
        staged = self.directory / f"{STAGING}{os.getpid()}-{next(_NUMBERS)}"
        staged.mkdir(parents=True, mode=DIRECTORY_MODE)
        try:
            _copy(source.resolve(), staged / place.name)
            sync_directory(staged)
            staged.rename(place.parent)
        except OSError:
            shutil.rmtree(staged, ignore_errors=True)
            if not place.parent.exists():  # else another call was faster
                raise
        sync_directory(self.directory)


def _copy(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(mode=DIRECTORY_MODE)
        for entry in source.iterdir():
            if entry.name != GIT:
                _copy(entry, target / entry.name)
        target.chmod(DIRECTORY_MODE)
        sync_directory(target)
    else:
        with source.open("rb") as read, target.open("xb") as written:
            shutil.copyfileobj(read, written)
            os.fchmod(written.fileno(), PROGRAM_MODE if source.stat().st_mode & stat.S_IXUSR else FILE_MODE)
            written.flush()
            os.fsync(written.fileno())
