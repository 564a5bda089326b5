"""The Git LFS files of a release's trees: found, fetched, and put in the place of their pointers.

Git LFS's own program and its filter never run. What a release says about servers (`.lfsconfig`) is not followed: it
must not choose who gets the repository's credential.
"""

import asyncio
import json
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from app.domain.errors import GitFailed
from app.files import replace_durably
from app.task_group import task_group
from workers.adapters.git_repo.credentials import ServerCredential
from workers.adapters.git_repo.lfs.batch import BATCH_MOST, Download
from workers.adapters.git_repo.lfs.client import LfsClient, http_client
from workers.adapters.git_repo.lfs.large_file import LargeFile, failure
from workers.adapters.git_repo.lfs.object_cache import ObjectCache
from workers.adapters.git_repo.lfs.pointer import POINTER_BYTES, Pointer, pointer_in
from workers.adapters.git_repo.lfs.server import CONFIGURED, check_configured, lfs_server
from workers.adapters.git_repo.trees import Git, done
from workers.adapters.threads import in_file_thread, in_large_file_thread

AT_ONCE = 4
"""Downloads at the same time."""

PATHS_AT_ONCE = 200
"""Paths in one command."""

T = TypeVar("T")
_RECORD = Path(".git") / "lfs-files"

log = structlog.get_logger()


@dataclass(frozen=True)
class _Placed:
    """A content in a tree. `changed`: when the file last changed, in nanoseconds; as git's own index knows it."""

    path: str
    oid: str
    size: int
    changed: int


class LfsTrees:
    """Fetches Git LFS files for trees, and keeps their contents in `directory`.

    `credential`: the repository's. `limit`: seconds for all files of a tree.
    """

    def __init__(self, directory: Path, git: Git, credential: ServerCredential | None, limit: float) -> None:
        self._directory, self._git, self._credential, self._limit = directory, git, credential, limit
        self._cache = ObjectCache(directory)

    async def find(self, tree: Path, place: Path, url: str) -> list[LargeFile]:
        """The Git LFS files of the worktree `place` in `tree`, of the repository at `url`. Raises GitFailed.

        Git takes them for unchanged from now on: a repository in the tree knows only their pointers.
        """
        listing = await done(self._git, ["ls-files", "--stage", "-z", "--", ":(top,attr:filter=lfs)"], place)
        pointers = dict(await in_file_thread(lambda: list(_pointers(place, listing))))
        if not pointers:
            return []
        server = lfs_server(url, self._credential)
        configured, settings = await self._git(CONFIGURED, place)
        if configured.ok:
            check_configured(settings, server)
        for paths in _groups(list(pointers), PATHS_AT_ONCE):
            await done(self._git, ["update-index", "--assume-unchanged", "--", *paths], place)
        prefix = place.relative_to(tree)
        return [_large_file(str(prefix / path), found, server) for path, found in pointers.items()]

    async def fill(self, tree: Path, files: Sequence[LargeFile]) -> None:
        """Puts the contents in the place of the pointers, after all of them are there. Raises GitFailed."""
        missing = await in_large_file_thread(self._missing, files)
        if missing:
            await self._fetch(missing)
            log.info("fetched Git LFS files", files=len(missing), bytes=sum(file.size for file in missing))
        for file in files:
            await in_large_file_thread(self._cache.put, file, tree)

    async def record(self, tree: Path, files: Sequence[LargeFile]) -> None:
        """Writes into the tree's repository which files it has. Raises GitFailed."""
        await in_file_thread(_write_record, tree, files)

    async def are_filled(self, tree: Path) -> bool:
        """Whether `tree` has the files that `fill` put there, unchanged. It may be older than the setting."""
        return await in_file_thread(_is_filled, tree)

    async def collect(self, trees: Iterable[Path]) -> None:
        """Removes the contents that none of `trees` has. Raises GitFailed."""
        await in_large_file_thread(self._collect, list(trees))

    def _collect(self, trees: Iterable[Path]) -> None:
        try:
            self._cache.collect({each.oid for tree in trees for each in _recorded(tree) or ()})
        except OSError as error:
            raise GitFailed(f"unused Git LFS files could not be removed ({error.strerror})") from error

    def _missing(self, files: Sequence[LargeFile]) -> list[LargeFile]:
        """Each content once. Raises GitFailed if the disk has no room for what is missing and the copies of all."""
        missing = list({(file.oid, file.size): file for file in files if not self._cache.has(file)}.values())
        if files:
            self._cache.check_room(missing, files)
        return missing

    async def _fetch(self, files: Sequence[LargeFile]) -> None:
        try:
            async with asyncio.timeout(self._limit), http_client() as http:
                client = LfsClient(http, self._credential)
                for server in dict.fromkeys(file.server for file in files):
                    for group in _groups([file for file in files if file.server == server], BATCH_MOST):
                        await self._download(client, await client.locate(group))
        except TimeoutError:
            slow = f"they took longer than {self._limit:.0f} s (times/fetch). The next attempt keeps what has arrived"
            raise failure(
                [file for file in files if not self._cache.has(file)] or files, slow, transient=True
            ) from None

    async def _download(self, client: LfsClient, downloads: Sequence[Download]) -> None:
        """After a failure, what has begun still arrives, for the next attempt; nothing else is begun."""
        waiting, failed = deque(downloads), list[GitFailed]()

        async def work() -> None:
            while waiting and not failed:
                try:
                    await self._receive(client, waiting.popleft())
                except GitFailed as error:
                    failed.append(error)

        async with task_group() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
        if failed:
            raise failed[0]

    async def _receive(self, client: LfsClient, download: Download) -> None:
        incoming = self._cache.receive(download.file)
        try:
            await client.read(download, lambda piece: in_large_file_thread(incoming.write, piece))
            await in_large_file_thread(incoming.keep)
        finally:
            await in_large_file_thread(incoming.discard)


def _pointers(place: Path, listing: str) -> Iterator[tuple[str, Pointer]]:
    """The pointers among the files in `listing`, by path. Any other content stays, as Git LFS leaves it."""
    for about, tab, path in (entry.partition("\t") for entry in listing.split("\0")):
        if tab and about.startswith("100"):
            pointer = pointer_in(_beginning(place, path))
            if pointer is not None:
                yield path, pointer


def _beginning(place: Path, path: str) -> bytes:
    try:
        with (place / path).open("rb") as file:
            return file.read(POINTER_BYTES)
    except OSError as error:  # also if the path is not in UTF-8
        raise GitFailed(f"the file {path}, which has filter=lfs, cannot be read ({error.strerror})") from error


def _large_file(path: str, pointer: Pointer, server: str) -> LargeFile:
    file = LargeFile(path, pointer.oid, pointer.size, server)
    if pointer.extended:
        raise failure([file], "it needs an extension of Git LFS, and the updater runs no program on a release's files")
    return file


def _write_record(tree: Path, files: Sequence[LargeFile]) -> None:
    try:
        placed = [[f.path, f.oid, f.size, (tree / f.path).lstat().st_mtime_ns] for f in files]
        content = json.dumps(placed).encode()
        replace_durably(tree / _RECORD, content, staging=(tree / _RECORD).parent, mode=0o644)
    except OSError as error:
        raise GitFailed(f"the release's Git LFS files could not be recorded ({error.strerror})") from error


def _recorded(tree: Path) -> list[_Placed] | None:
    """None if the tree has no record that can be read."""
    try:
        return [_Placed(*each) for each in json.loads((tree / _RECORD).read_bytes())]
    except (OSError, ValueError, TypeError):
        return None


def _is_filled(tree: Path) -> bool:
    placed = _recorded(tree)
    return placed is not None and all(_is_unchanged(tree / each.path, each) for each in placed)


def _is_unchanged(file: Path, placed: _Placed) -> bool:
    try:
        found = file.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and (found.st_size, found.st_mtime_ns) == (placed.size, placed.changed)


def _groups(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[first : first + most] for first in range(0, len(items), most))
