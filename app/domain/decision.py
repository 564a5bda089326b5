"""Which release should be live? Answers for every nudge."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from app.domain.release import Release, Version
from app.domain.rollout import Rollout
from app.domain.state import State

Reasons = tuple[tuple[Release, str], ...]


class Hold(StrEnum):
    """What a release waits for, other than the end of a rollout."""

    PAUSED = "paused"
    AUTOMATIC_OFF = "automatic_off"
    APPROVAL = "approval"
    WINDOW = "window"


@dataclass(frozen=True)
class HeldRelease:
    """A release that waits; `until` is when the next window opens, None where it waits for a person."""

    release: Release
    why: Hold
    until: datetime | None = None


Holding = Callable[[Release], HeldRelease | None]
"""What a release waits for at the moment of the decision; None where nothing holds it."""


@dataclass(frozen=True)
class Decision:
    """`go` is to be rolled out now; `superseded` never will be, each with its reason; `held` waits."""

    go: Release | None = None
    superseded: Reasons = ()
    held: tuple[HeldRelease, ...] = ()


def decide(state: State, *, enabled: bool = True, approval: bool = False, opens_at: datetime | None = None) -> Decision:
    """The newest wanted release goes, a forced one first; what is older than it or than the live one never does.

    While paused only a forced release goes. Where automatic updates are off (`enabled` false), where a release needs an
    `approval`, and outside of every window (`opens_at` is when the next one opens), what a person asked for goes, and
    what is newer waits on. Of those that wait for an approval only the newest does.
    """
    hold = partial(_hold, paused=state.paused, enabled=enabled, approval=approval, opens_at=opens_at)
    return _forced(state, hold) or _newest(state, hold)


def overtakes(newer: Release, running: Rollout) -> bool:
    """Whether `newer` may take the place of the rollout that is running and has not moved the route."""
    if running.release.force:
        return False
    return newer.force or newer.order > running.release.order


def _forced(state: State, hold: Holding) -> Decision | None:
    """The one that was forced last; None where none is."""
    forced = [r for r in state.accepted if r.force]
    if not forced:
        return None
    go = forced[-1]
    overtaken = tuple((r, f"a later forced apply of {go.tag} took its place") for r in forced[:-1])
    return Decision(go, overtaken, _held((r for r in state.accepted if not r.force), hold))


def _newest(state: State, hold: Holding) -> Decision:
    fresh, stale = _against_live(state)
    outrun = _outrun(_held(fresh, hold))
    fresh = [r for r in fresh if r not in {o for o, _ in outrun}]
    newest = max((r for r in fresh if hold(r) is None), key=_age, default=None)
    if newest is None:
        return Decision(None, (*stale, *outrun), _held(fresh, hold))
    newer = [r for r in fresh if r.order > newest.order]
    return Decision(newest, (*stale, *outrun, *_overtaken(fresh, newest)), _held(newer, hold))


def _held(releases: Iterable[Release], hold: Holding) -> tuple[HeldRelease, ...]:
    return tuple(held for release in releases if (held := hold(release)))


def _hold(
    release: Release, *, paused: bool, enabled: bool, approval: bool, opens_at: datetime | None
) -> HeldRelease | None:
    if paused:
        return HeldRelease(release, Hold.PAUSED)
    if release.asked_for:
        return None
    if approval and not release.approved:
        return HeldRelease(release, Hold.APPROVAL)
    if not enabled and not release.approved:
        return HeldRelease(release, Hold.AUTOMATIC_OFF)
    return HeldRelease(release, Hold.WINDOW, opens_at) if opens_at else None


def _outrun(held: Sequence[HeldRelease]) -> Reasons:
    """Those that wait for an approval while a newer one waits for no more than that: nobody has to look at them."""
    waiting = [h.release for h in held if h.why in {Hold.APPROVAL, Hold.WINDOW}]
    newest = max(waiting, key=_age, default=None)
    older = [h.release for h in held if h.why is Hold.APPROVAL and h.release is not newest]
    return tuple((r, f"{newest.tag} is newer, and waits too") for r in older if newest)


def _age(release: Release) -> tuple[Version, datetime]:
    return release.order, release.accepted_at


def _overtaken(fresh: Sequence[Release], newest: Release) -> Reasons:
    older = [r for r in fresh if r is not newest and r.order <= newest.order]
    return tuple((r, f"{newest.tag} is newer" if r.order < newest.order else "it was asked for twice") for r in older)


def _against_live(state: State) -> tuple[list[Release], Reasons]:
    live = state.current
    order = live.order if live else None
    if live is None or order is None:
        return list(state.accepted), ()
    fresh = [r for r in state.accepted if r.order > order]
    stale = tuple(
        (r, f"{live.tag} is already live" if r.order == order else f"the live {live.tag} is newer")
        for r in state.accepted
        if not r.order > order
    )
    return fresh, stale
