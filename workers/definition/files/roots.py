"""The two directories that a release's files come from: its worktree, and the operator's live directory."""

import os
import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.stack import FileRules
from workers.ports import Origin
from workers.redaction.found import strings


@dataclass(frozen=True)
class Roots:
    """The release's worktree and the operator's live directory, with the stack file's `files`.

    `written`: what the updater itself writes, for example Traefik's watched directory. `relative`: absolute paths that
    the release's Compose files have as relative ones.
    """

    tree: Path
    live: Path
    rules: FileRules = field(default_factory=FileRules)
    written: tuple[Path, ...] = ()
    relative: frozenset[str] = frozenset()

    def around(self, model: Mapping[str, Any]) -> frozenset[str]:
        """The paths in the resolved `model` beside or above the worktree. They may have been written as relative ones.

        A path that leaves the worktree up to the root counts as absolute.
        """
        above = [parent for parent in self.tree.parents[:-1] if parent != self.tree.parent]
        found = (path for path in strings(model) if any(is_in(path, parent) for parent in above))
        return frozenset(posixpath.normpath(path) for path in found if self.inside(path) is None)

    def inside(self, path: str) -> str | None:
        """`path` relative to the worktree or the live directory; None if it is elsewhere."""
        root = next((root for root in (self.tree, self.live) if is_in(path, root)), None)
        return posixpath.relpath(posixpath.normpath(path), root) if root else None

    def of_host(self, path: str) -> bool:
        """Whether `path` was written as one of the live directory, not as one of the release."""
        return not is_in(path, self.tree) and is_in(path, self.live)

    def beside(self, path: str) -> str | None:
        """`path` on the host, if it was written relative to the stack and leads out of it: `../shared`.

        Compose resolves it beside the worktree. The operator means what is beside the live directory. None for any
        other path. The worktree's parent directory has only worktrees.
        """
        if is_in(path, self.tree) or not (is_in(path, self.tree.parent) or posixpath.normpath(path) in self.relative):
            return None
        return posixpath.normpath(self.live / posixpath.relpath(posixpath.normpath(path), self.tree))

    def forced(self, path: str) -> Origin | None:
        """The origin that the stack file's `files` gives `path`."""
        if below(path, self.rules.release):
            return Origin.RELEASE
        return Origin.LIVE if below(path, self.rules.live) else None

    def has(self, path: str) -> bool:
        """Whether the release has `path`, itself or by a link that stays in the release."""
        found = (self.tree / path).resolve()
        return found.exists() and found.is_relative_to(self.tree.resolve())

    def names(self, path: str) -> tuple[str, ...]:
        """`path`, and the path to which the release's links lead, if that is another one in the release."""
        root = self.tree.resolve()
        found = (root / path).resolve()
        real = str(found.relative_to(root)) if found.is_relative_to(root) else path
        return (path,) if real == path else (path, real)

    def leads_out(self, path: str) -> bool:
        """Whether `path` is a link of the release that leads out of it, or to nothing."""
        return os.path.lexists(self.tree / path) and not self.has(path)

    def live_has(self, path: str) -> bool:
        """Whether the live directory has `path`. True where the worker may not look: the engine will say."""
        try:
            os.lstat(self.live / path)
        except PermissionError:
            return True
        except OSError:
            return False
        return True


def is_in(path: str, root: str | Path) -> bool:
    """Whether the absolute `path` is `root`, or inside it."""
    return path.startswith("/") and not leads_up(posixpath.relpath(posixpath.normpath(path), root))


def leads_up(relative: str) -> bool:
    return relative == ".." or relative.startswith("../")


def below(path: str, places: Collection[str]) -> bool:
    """Whether `path` is one of `places`, or inside one."""
    return any(not leads_up(posixpath.relpath(path, place)) for place in places)
