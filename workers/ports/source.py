"""The Git repository that releases come from."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Source(Protocol):
    async def find(self, tag: str) -> str:
        """The id of the Git object that `tag` names in the repository now. Raises TagNotFound."""

    async def commit_at(self, tag: str) -> str:
        """The commit SHA that `tag` points to in the repository now. Fetches nothing. Raises TagNotFound, GitFailed."""

    async def fetch(self, tag: str, approved: str | None = None) -> str:
        """Fetches `tag`, checks its signature if the stack requires one, and returns its commit SHA.

        `approved`: the only commit that it may have, which an operator approved or asked for; also if the tag pointed
        to another one when it was fetched before.
        Raises TagNotFound, TagMoved, SignatureRefused, SignatureUnchecked, GitFailed.
        """

    async def differs(self, old: str, new: str, path: str) -> bool:
        """Whether anything below `path` differs between two fetched commits. Raises GitFailed."""

    async def checkout(self, sha: str, tag: str | None = None) -> Path:
        """A separate worktree at the commit `sha`, with a repository of its own. Raises GitFailed.

        With `tag`, that is the only tag in it, as a build of that release needs it; else it keeps the one that it has.
        """

    async def commit_in(self, directory: Path, name: str) -> str | None:
        """The SHA of `name` (a full ref, HEAD or a SHA) in the clone of the stack's repository in `directory`.

        None if there is no such clone, or the clone has no such commit. Raises GitFailed.
        """

    async def tags_in(self, directory: Path, sha: str) -> list[str]:
        """The tags that point to the commit `sha` in the clone in `directory`; empty if there is no clone.

        Raises GitFailed.
        """

    async def moved_in(self, directory: Path) -> datetime | None:
        """When HEAD of the clone in `directory` last moved; None if that is unknown. Raises GitFailed."""

    async def prune(self, keep: Collection[str], *, unused_for: float = 0.0) -> None:
        """Removes the worktrees of all commits except `keep`, if their last checkout was `unused_for` seconds ago."""

    async def collect(self) -> None:
        """Packs what was fetched, and removes what interrupted fetches left. Does not delay a fetch. Raises GitFailed.

        Does nothing while there is little to collect.
        """
