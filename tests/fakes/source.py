"""The repository in memory."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from app.domain.errors import GitFailed, RepositoryReplaced, SignatureRefused, TagMoved, TagNotFound
from tests.examples import sha_of

FETCH_SECONDS = 20.0
"""The limit of one fetch."""


class FakeSource:
    """A repository with `tags`; those in `moved` were moved, and those in `unsigned` are refused.

    `tag_in`: the tag in each tree's own repository.
    `clone` maps the directory and ref of an operator's own clone to a commit; its HEAD moved at `moved_at`.
    `collected`: how often the mirror was collected; it `refuses` with that error. `spared_for`: seconds for which the
    last prune spared unused trees. `away`: the remote refuses connections. `replaced`: another
    repository has its name, so nothing is fetched.
    """

    def __init__(self, *tags: str) -> None:
        self.tags = {tag: sha_of(tag) for tag in tags}
        self.moved: set[str] = set()
        self.unsigned: set[str] = set()
        self.trees: set[str] = set()
        self.tag_in: dict[str, str] = {}
        self.unchanged: set[str] = set()
        self.clone: dict[tuple[str, str], str] = {}
        self.moved_at: datetime | None = None
        self.seconds = 0.0
        self.away = False
        self.collected = 0
        self.spared_for = 0.0
        self.refuses: GitFailed | None = None
        self.replaced = False
        self._answers = asyncio.Event()
        self._answers.set()

    def hang(self) -> None:
        """Answers nothing until `go_on`."""
        self._answers.clear()

    def go_on(self) -> None:
        self._answers.set()

    async def find(self, tag: str) -> str:
        await self._reach()
        if tag not in self.tags:
            raise TagNotFound(tag)
        return self.tags[tag]

    async def commit_at(self, tag: str) -> str:
        return await self.find(tag)

    async def fetch(self, tag: str, approved: str | None = None) -> str:
        await self._reach()
        if approved not in {None, self.tags.get(tag, approved)} or (tag in self.moved and approved is None):
            raise TagMoved(tag)
        if tag in self.unsigned:
            raise SignatureRefused(f"{tag} has no signature")
        if tag not in self.tags:
            raise TagNotFound(tag, transient="it is not there yet")
        return self.tags[tag]

    async def _reach(self) -> None:
        if self.replaced:
            raise RepositoryReplaced("nothing of it is fetched")
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                await self._answers.wait()
                await asyncio.sleep(self.seconds)
        except TimeoutError as late:
            raise GitFailed(f"git took longer than {FETCH_SECONDS:.0f} s", transient="it is silent") from late
        if self.away:
            raise GitFailed("the repository cannot be read: connection refused", transient="connection refused")

    async def differs(self, old: str, new: str, path: str) -> bool:
        return old != new and path not in self.unchanged

    async def commit_in(self, directory: Path, name: str) -> str | None:
        return self.clone.get((str(directory), name))

    async def tags_in(self, directory: Path, sha: str) -> list[str]:
        refs = [name for (where, name), at in self.clone.items() if (where, at) == (str(directory), sha)]
        return [ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")]

    async def moved_in(self, directory: Path) -> datetime | None:
        return self.moved_at if any(where == str(directory) for where, _ in self.clone) else None

    async def checkout(self, sha: str, tag: str | None = None) -> Path:
        await asyncio.sleep(0)
        self.trees.add(sha)
        if tag is not None:
            self.tag_in[sha] = tag
        return Path("/trees") / sha

    async def prune(self, keep: Collection[str], *, unused_for: float = 0.0) -> None:
        await asyncio.sleep(0)
        self.trees &= set(keep)
        self.spared_for = unused_for

    async def collect(self) -> None:
        if self.refuses:
            raise self.refuses
        self.collected += 1
