"""Where releases come from: the Git repository."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Source(Protocol):
    """Where releases come from."""

    async def find(self, tag: str) -> str:
        """The object that the repository has under `tag` now. Raises TagNotFound."""

    async def fetch(self, tag: str) -> str:
        """The commit SHA of `tag`, fetched, and signed where the stack requires it.

        Raises TagNotFound, TagMoved, SignatureRefused, SignatureUnchecked, GitFailed.
        """

    async def differs(self, old: str, new: str, path: str) -> bool:
        """Whether anything below `path` differs between two commits that were fetched. Raises GitFailed."""

    async def checkout(self, sha: str) -> Path:
        """A tree of its own at that SHA. Raises GitFailed."""

    async def commit_in(self, directory: Path, name: str) -> str | None:
        """The commit that `name` (a full ref, HEAD or a SHA) names in the clone of the stack's repository there.

        None if there is no such clone, or no such commit in it. Raises GitFailed.
        """

    async def tags_in(self, directory: Path, sha: str) -> list[str]:
        """The tags that point to the commit `sha` in the clone in `directory`; none if there is no clone.

        Raises GitFailed.
        """

    async def moved_in(self, directory: Path) -> datetime | None:
        """When HEAD of the clone in `directory` last moved; None if nothing says so. Raises GitFailed."""

    async def prune(self, keep: Collection[str]) -> None:
        """Removes the trees of other commits."""
