"""Reads the operator's clone in the live directory. Never writes it."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from workers.adapters.commands import Finished

Git = Callable[[Sequence[str], Path], Awaitable[tuple[Finished, str]]]
_MOVED = re.compile(r"HEAD@\{(\d+)\}")
_SCHEME = re.compile(r"^[a-z+]+://(?:[^/@]*@)?")


def commit_command(name: str) -> list[str]:
    return ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]


def tags_command(sha: str) -> list[str]:
    return ["tag", "--list", "--points-at", sha]


def moved_command() -> list[str]:
    return ["reflog", "show", "--no-show-signature", "--date=unix", "--format=%gd", "-1", "HEAD"]


class Clone:
    """The clone in `directory`, read with `git`. `sources`: the URLs and the name of the stack's repository."""

    def __init__(self, git: Git, directory: Path, sources: Sequence[str]) -> None:
        self._git, self._directory = git, directory
        self._sources = tuple(_plain(source) for source in sources)

    async def commit(self, name: str) -> str | None:
        """Returns None if there is no such commit, or no clone of the stack's repository."""
        if not await self._is_the_stacks():
            return None
        finished, out = await self._git(commit_command(name), self._directory)
        return out.strip() if finished.ok else None

    async def tags(self, sha: str) -> list[str]:
        if not await self._is_the_stacks():
            return []
        finished, out = await self._git(tags_command(sha), self._directory)
        return out.split() if finished.ok else []

    async def moved_at(self) -> datetime | None:
        """Returns when HEAD last moved; None if the reflog does not record it."""
        finished, out = await self._git(moved_command(), self._directory)
        moved = _MOVED.fullmatch(out.strip()) if finished.ok else None
        return datetime.fromtimestamp(int(moved[1]), UTC) if moved else None

    async def _is_the_stacks(self) -> bool:
        """Returns whether the clone is of the stack's repository. A parent directory may be another clone."""
        if not self._directory.is_dir():
            return False
        finished, out = await self._git(["remote", "--verbose"], self._directory)
        urls = {_plain(line.split()[1]) for line in out.splitlines() if len(line.split()) > 1}
        if not urls:
            return finished.ok and (self._directory / ".git").exists()
        return any(url == source or url.endswith(f"/{source}") for url in urls for source in self._sources)


def _plain(url: str) -> str:
    """Strips scheme, credential and `.git` from a URL in any of git's forms."""
    return _SCHEME.sub("", url.strip().lower()).removesuffix("/").removesuffix(".git").replace(":", "/")
