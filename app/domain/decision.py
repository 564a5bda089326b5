"""Which release should be live? The one question that every nudge asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.domain.release import Release, Version
from app.domain.rollout import Rollout
from app.domain.state import State

Reasons = tuple[tuple[Release, str], ...]


class Hold(StrEnum):
    """What a release waits for, other than the end of a rollout."""

    PAUSED = "paused"
    AUTOMATIC_OFF = "automatic_off"
    WINDOW = "window"


@dataclass(frozen=True)
class Held:
    """A release that waits; `until` is when the next window opens, None where it waits for a person."""

    release: Release
    why: Hold
    until: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """`go` is to be rolled out now; `superseded` never will be, each with its reason; `held` waits."""

    go: Release | None = None
    superseded: Reasons = ()
    held: tuple[Held, ...] = ()


def decide(state: State, *, enabled: bool = True, opens_at: datetime | None = None) -> Decision:
    """The newest wanted release goes, a forced one first; what is older than it or than the live one never does.

    While paused only a forced release goes. Where automatic updates are off (`enabled` false), and outside of every
    window (`opens_at` is when the next one opens), only what a person asked for does, and what is newer waits on.
    """
    holds = [_hold(r, state, enabled, opens_at) for r in state.accepted if not r.force]
    held = tuple(hold for hold in holds if hold)
    forced = [r for r in state.accepted if r.force]
    if forced:
        go = forced[-1]
        overtaken = tuple((r, f"a later forced apply of {go.tag} took its place") for r in forced[:-1])
        return Decision(go, overtaken, held)
    fresh, stale = _against_live(state)
    waits = {h.release.key for h in held}
    may_go = [r for r in fresh if r.key not in waits]
    if not may_go:
        return Decision(superseded=stale, held=tuple(h for h in held if h.release in fresh))
    newest = max(may_go, key=lambda r: (r.order, r.accepted_at))
    newer = tuple(h for h in held if h.release.order > newest.order)
    return Decision(newest, (*stale, *_overtaken(fresh, newest)), newer)


def overtakes(newer: Release, running: Rollout) -> bool:
    """Whether `newer` may take the place of the rollout that is running and has not moved the route."""
    if running.release.force:
        return False
    return newer.force or newer.order > running.release.order


def _hold(release: Release, state: State, enabled: bool, opens_at: datetime | None) -> Held | None:
    if state.paused:
        return Held(release, Hold.PAUSED)
    if release.asked_for:
        return None
    if not enabled:
        return Held(release, Hold.AUTOMATIC_OFF)
    return Held(release, Hold.WINDOW, opens_at) if opens_at else None


def _overtaken(fresh: Sequence[Release], newest: Release) -> Reasons:
    older = [r for r in fresh if r is not newest and r.order <= newest.order]
    return tuple((r, f"{newest.tag} is newer" if r.order < newest.order else "it was asked for twice") for r in older)


def _against_live(state: State) -> tuple[list[Release], Reasons]:
    if state.current is None:
        return list(state.accepted), ()
    live = state.current
    order = Version.of(live.tag)
    fresh = [r for r in state.accepted if r.order > order]
    stale = tuple(
        (r, f"{live.tag} is already live" if r.order == order else f"the live {live.tag} is newer")
        for r in state.accepted
        if not r.order > order
    )
    return fresh, stale
