"""Finds published releases whose webhook did not arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.acceptance.policy import ReleaseEvent, reason_to_ignore
from app.domain.release import Version
from app.domain.stack import Stack
from app.domain.state import State


@dataclass(frozen=True)
class Published:
    """A release in GitHub's list, published at `at`. `event` is what its webhook would contain."""

    event: ReleaseEvent
    at: datetime

    @property
    def version(self) -> Version:
        return Version.of(self.event.tag)


@dataclass(frozen=True)
class Decided:
    """A tag that was decided, with any outcome, and when."""

    tag: str
    at: datetime

    def overtakes(self, published: Published) -> bool:
        """Whether this release would have superseded `published` if its webhook had arrived."""
        version = Version.read(self.tag)
        return version is not None and version > published.version and self.at >= published.at


def wanted(published: Sequence[Published], stack: Stack, live: str | None = None) -> list[Published]:
    """The releases that the stack's policy accepts, newest version first."""
    fit = [p for p in published if reason_to_ignore(p.event, stack, live) is None]
    return sorted(fit, key=lambda p: (p.version, p.at), reverse=True)


def missed(
    published: Sequence[Published], stack: Stack, state: State, decided: Sequence[Decided]
) -> tuple[Published, ...]:
    """The wanted releases that are newer than the live one and neither decided nor waiting, newest first.

    If nothing is live, or the live release has no version, only the newest wanted one counts. A tag that was decided
    once, under any key, is never picked up again: an operator may have applied it by hand and rolled it back.
    """
    live = state.current.tag if state.current else None
    newer = wanted(published, stack, live)
    keys, tags = _known(state, decided)
    return tuple(
        p
        for p in (newer if Version.read(live) else newer[:1])
        if p.event.key not in keys and p.event.tag not in tags and not any(d.overtakes(p) for d in decided)
    )


def _known(state: State, decided: Sequence[Decided]) -> tuple[set[str], set[str]]:
    """Keys and tags of every release that was decided, is waiting or is running."""
    waiting = [*state.accepted, *((state.rollout.release,) if state.rollout else ())]
    keys = {*state.decided, *(r.key for r in waiting)}
    tags = {*(d.tag for d in decided), *(r.tag for r in waiting)}
    return keys, tags
