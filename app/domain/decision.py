"""Which release should be live? The one question that every nudge asks."""

from dataclasses import dataclass

from app.domain.release import Release, Trigger, Version
from app.domain.state import State


@dataclass(frozen=True)
class Decision:
    """`go` is to be rolled out now; `superseded` never will be, each with its reason; `held` waits."""

    go: Release | None = None
    superseded: tuple[tuple[Release, str], ...] = ()
    held: tuple[Release, ...] = ()


def decide(state: State, *, enabled: bool = True) -> Decision:
    """The newest wanted release goes, a forced one first; what is older than it or than the live one never does.

    While paused only a forced release goes. Where automatic updates are off (`enabled` false) only a manual one does.
    """
    forced = [r for r in state.accepted if r.force]
    if forced:
        go = forced[-1]
        overtaken = tuple((r, f"a later forced apply of {go.tag} took its place") for r in forced[:-1])
        return Decision(go, overtaken, tuple(r for r in state.accepted if not r.force))
    fresh, stale = _against_live(state)
    if not fresh:
        return Decision(superseded=stale)
    newest = max(fresh, key=lambda r: (r.order, r.accepted_at))
    overtaken = tuple((r, f"{newest.tag} is newer") for r in fresh if r is not newest)
    if state.paused or not (enabled or newest.trigger is not Trigger.WEBHOOK):
        return Decision(superseded=stale, held=tuple(fresh))
    return Decision(newest, (*stale, *overtaken))


def _against_live(state: State) -> tuple[list[Release], tuple[tuple[Release, str], ...]]:
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
