"""The trees of the commits that the updater works with: made whole, used again, and removed."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from app.domain.errors import UpdaterError
from workers.adapters.git_repo.filters import are_recorded, filters_of, record_filters
from workers.adapters.git_repo.lfs.large_file import LargeFile
from workers.adapters.git_repo.submodules import are_filled, fill_submodules, record_submodules
from workers.adapters.git_repo.trees import Git, add_command, done, give_repository, give_tag

if TYPE_CHECKING:
    from workers.adapters.git_repo.lfs.tree_files import LfsTrees


class ReleaseTrees:
    """The trees in `directory`, of commits in `mirror`, a mirror of the repository at what `url` returns.

    `submodules`: those of the same host are checked out too. `lfs`: fetches Git LFS files; None: they stay pointers.
    The caller calls one method at a time.
    """

    def __init__(
        self,
        git: Git,
        mirror: Path,
        directory: Path,
        url: Callable[[], str],
        *,
        submodules: bool,
        lfs: "LfsTrees | None",
    ) -> None:
        self._git, self._mirror, self._directory, self._url = git, mirror, directory, url
        self._submodules, self._lfs = submodules, lfs

    async def checkout(self, sha: str, tag: str | None) -> Path:
        """The tree of the commit `sha`. With `tag`, that becomes the only tag in its repository. Raises GitFailed."""
        tree = self._directory / sha
        if not await self._is_whole(tree, sha) or not await self._has_all(tree, sha):
            await self._add(tree, sha)
        if tag is not None:
            await give_tag(self._git, self._mirror, tree, sha, tag)
        with contextlib.suppress(OSError):
            tree.touch()  # `prune` spares a tree that was just asked for
        return tree

    async def prune(self, keep: Collection[str], unused_for: float) -> None:
        for tree in self._all():
            if tree.name not in keep and time.time() - _used_at(tree) >= unused_for:
                await asyncio.to_thread(shutil.rmtree, tree, True)
        if self._mirror.exists():
            await self._git(["worktree", "prune"], self._mirror)

    async def collect(self) -> None:
        """Removes the Git LFS files that no tree has. Raises GitFailed."""
        if self._lfs is not None:
            await self._lfs.collect(self._all())

    def _all(self) -> list[Path]:
        return list(self._directory.iterdir()) if self._directory.exists() else []

    async def _is_whole(self, tree: Path, sha: str) -> bool:
        """Returns whether the tree exists, at that commit and unchanged: a crash may have left an incomplete tree."""
        if not (tree / ".git").is_dir():
            return False
        head, at = await self._git(["rev-parse", "HEAD"], tree)
        status, changes = await self._git(["status", "--porcelain"], tree)
        return head.ok and status.ok and at.strip() == sha and not changes.strip()

    async def _has_all(self, tree: Path, sha: str) -> bool:
        """Whether the tree has what the stack file asks for: it may be older than the setting."""
        if not await are_filled(self._git, self._mirror, tree, sha, self._url(), asked=self._submodules):
            return False
        if not await are_recorded(tree):
            return False
        return self._lfs is None or await self._lfs.are_filled(tree)

    async def _add(self, tree: Path, sha: str) -> None:
        await asyncio.to_thread(shutil.rmtree, tree, True)
        await self._git(["worktree", "prune"], self._mirror)
        await done(self._git, add_command(tree, sha), self._mirror, f"{sha} could not be checked out")
        try:
            await self._fill(tree, sha)
        except UpdaterError:
            await asyncio.to_thread(shutil.rmtree, tree, True)
            raise

    async def _fill(self, tree: Path, sha: str) -> None:
        files: list[LargeFile] = []
        filters: dict[str, str] = {}

        async def find(place: Path, url: str) -> None:
            filters.update(await filters_of(self._git, tree, place))
            if self._lfs is not None:
                files.extend(await self._lfs.find(tree, place, url))

        await find(tree, self._url())
        if self._submodules:
            await fill_submodules(self._git, self._mirror, tree, sha, self._url(), checked_out=find)
        if self._lfs is not None:
            await self._lfs.fill(tree, files)
        await give_repository(self._git, self._mirror, tree, sha)
        if self._lfs is not None:
            await self._lfs.record(tree, files)
        await record_filters(tree, filters)
        await record_submodules(self._git, self._mirror, tree, sha, self._url(), filled=self._submodules)


def _used_at(tree: Path) -> float:
    try:
        return tree.stat().st_mtime
    except OSError:
        return 0.0
