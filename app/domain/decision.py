"""Which release should be live? The one question that every nudge asks."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.release import Release, Trigger, Version
from app.domain.rollout import Rollout
from app.domain.state import State

Reasons = tuple[tuple[Release, str], ...]


@dataclass(frozen=True)
class Decision:
    """`go` is to be rolled out now; `superseded` never will be, each with its reason; `held` waits."""

    go: Release | None = None
    superseded: Reasons = ()
    held: tuple[Release, ...] = ()


def decide(state: State, *, enabled: bool = True) -> Decision:
    """The newest wanted release goes, a forced one first; what is older than it or than the live one never does.

    While paused only a forced release goes. Where automatic updates are off (`enabled` false) only a manual one does,
    and what is newer than it waits on.
    """
    forced = [r for r in state.accepted if r.force]
    if forced:
        go = forced[-1]
        overtaken = tuple((r, f"a later forced apply of {go.tag} took its place") for r in forced[:-1])
        return Decision(go, overtaken, tuple(r for r in state.accepted if not r.force))
    fresh, stale = _against_live(state)
    may_go = [] if state.paused else [r for r in fresh if enabled or r.trigger is not Trigger.WEBHOOK]
    if not may_go:
        return Decision(superseded=stale, held=tuple(fresh))
    newest = max(may_go, key=lambda r: (r.order, r.accepted_at))
    held = tuple(r for r in fresh if r.order > newest.order)
    return Decision(newest, (*stale, *_overtaken(fresh, newest)), held)


def overtakes(newer: Release, running: Rollout) -> bool:
    """Whether `newer` may take the place of the rollout that is running and has not moved the route."""
    if running.release.force:
        return False
    return newer.force or newer.order > running.release.order


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
