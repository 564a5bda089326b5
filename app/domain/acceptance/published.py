"""Finds published releases whose webhook did not arrive."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.acceptance.policy import ReleaseEvent, reason_to_ignore
from app.domain.acceptance.withdrawn import withdrawal_of
from app.domain.release import LiveRelease
from app.domain.stack import Stack
from app.domain.state import State
from app.domain.tags import DatedTag, TagRule


@dataclass(frozen=True)
class Published:
    """A release in GitHub's list, published at `at`. `event` is what its webhook would contain."""

    event: ReleaseEvent
    at: datetime

    @property
    def dated(self) -> DatedTag:
        return DatedTag(self.event.tag, self.at)


@dataclass(frozen=True)
class Decided:
    """A tag that was decided, with any outcome, and when."""

    tag: str
    at: datetime

    def overtakes(self, published: Published, rule: TagRule, dates: Mapping[str, datetime]) -> bool:
        """Whether this release would have superseded `published` if its webhook had arrived.

        `dates`: when GitHub published each tag that it lists.
        """
        position = rule.read(DatedTag(self.tag, dates.get(self.tag)))
        return position is not None and position > rule.position(published.dated) and self.at >= published.at


def dates_of(published: Iterable[Published]) -> dict[str, datetime]:
    """When each tag was published."""
    return {p.event.tag: p.at for p in published}


def wanted(published: Sequence[Published], stack: Stack, live: DatedTag | None = None) -> list[Published]:
    """The releases that the stack's policy accepts, newest first."""
    fit = [p for p in published if reason_to_ignore(p.event, stack, live) is None]
    return sorted(fit, key=lambda p: (stack.tags.position(p.dated), p.at), reverse=True)


def missed(
    published: Sequence[Published], stack: Stack, state: State, decided: Sequence[Decided]
) -> tuple[Published, ...]:
    """The wanted releases that are newer than the live one and neither decided nor waiting, newest first.

    If nothing is live, or the live release has no place in the order, only the newest wanted one counts. A tag that
    was decided once, under any key, is never picked up again: an operator may have applied it by hand and rolled it
    back. The live release itself counts if it was withdrawn and published again, also as a new release of its tag:
    then it is not withdrawn any more.
    """
    live = state.current
    newer = wanted(published, stack, live.dated if live else None)
    keys, tags = _known(state, decided)
    dates = dates_of(published)
    found = tuple(
        p
        for p in (newer if live and live.position(stack.tags) else newer[:1])
        if (p.event.key not in keys and p.event.tag not in tags) or state.published_again(p.event.key, p.at)
        if not any(d.overtakes(p, stack.tags, dates) for d in decided)
    )
    return (*found, *(p for p in wanted(published, stack) if live and p not in found and _again(p, live, state, keys)))


def _again(one: Published, live: LiveRelease, state: State, keys: Collection[str]) -> bool:
    """Whether `live` was withdrawn, and is `one`, or a new release of its tag that is not among the known `keys`."""
    if one.event.key == live.key:
        return state.published_again(live.key, one.at)
    return one.event.tag == live.tag and one.event.key not in keys and withdrawal_of(state, live) is not None


def _known(state: State, decided: Sequence[Decided]) -> tuple[set[str], set[str]]:
    """Keys and tags of every release that was decided, is waiting or is running."""
    waiting = [*state.accepted, *((state.rollout.release,) if state.rollout else ())]
    keys = {*state.decided, *(r.key for r in waiting)}
    tags = {*(d.tag for d in decided), *(r.tag for r in waiting)}
    return keys, tags
