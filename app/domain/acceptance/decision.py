"""Decides which accepted release goes live, which ones wait, and which never will."""

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
    """What a release is waiting for, apart from the end of a running rollout."""

    PAUSED = "paused"
    RETRY = "retry"
    AUTOMATIC_OFF = "automatic_off"
    APPROVAL = "approval"
    WINDOW = "window"


@dataclass(frozen=True)
class HeldRelease:
    """A waiting release. `until` is when the next window opens, or when a failed one is tried again.

    None if it waits for an operator.
    """

    release: Release
    why: Hold
    until: datetime | None = None


Holding = Callable[[Release], HeldRelease | None]
"""Returns what holds a release at the moment of the decision; None if nothing does."""


@dataclass(frozen=True)
class Decision:
    """`go` is rolled out now, `superseded` never will be (each has its reason), and `held` waits."""

    go: Release | None = None
    superseded: Reasons = ()
    held: tuple[HeldRelease, ...] = ()


def decide(
    state: State,
    *,
    enabled: bool = True,
    approval: bool = False,
    opens_at: datetime | None = None,
    now: datetime | None = None,
) -> Decision:
    """Picks the newest wanted release, a forced one first. Releases older than it or than the live one never go live.

    While paused, only a forced release goes, and a failed one whose `retry_at` is not after `now`. A release that an
    operator asked for goes even if automatic updates are off (`enabled` is false), releases need an `approval`, or no
    window is open (`opens_at` is when the next one opens). Newer releases then keep waiting. Only the newest release
    waits for an approval.
    """
    hold = partial(_hold, paused=state.paused, enabled=enabled, approval=approval, opens_at=opens_at, now=now)
    return _forced(state, hold) or _newest(state, hold)


def overtakes(newer: Release, running: Rollout) -> bool:
    """Whether `newer` may replace the running rollout, which has not moved the route yet."""
    if running.release.force:
        return False
    return newer.force or newer.order > running.release.order


def _forced(state: State, hold: Holding) -> Decision | None:
    """The decision for the release that was forced last; None if none was forced."""
    forced = [r for r in state.accepted if r.force]
    if not forced:
        return None
    go = forced[-1]
    overtaken = tuple((r, f"a later forced apply of {go.tag} replaced it") for r in forced[:-1])
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
    release: Release, *, paused: bool, enabled: bool, approval: bool, opens_at: datetime | None, now: datetime | None
) -> HeldRelease | None:
    if paused:
        if release.retry_at is None:
            return HeldRelease(release, Hold.PAUSED)
        if now is None or now < release.retry_at:
            return HeldRelease(release, Hold.RETRY, release.retry_at)
    if release.asked_for:
        return None
    if approval and not release.approved:
        return HeldRelease(release, Hold.APPROVAL)
    if not enabled and not release.approved:
        return HeldRelease(release, Hold.AUTOMATIC_OFF)
    return HeldRelease(release, Hold.WINDOW, opens_at) if opens_at else None


def _outrun(held: Sequence[HeldRelease]) -> Reasons:
    """Releases that wait for an approval while a newer one waits for an approval or a window."""
    waiting = [h.release for h in held if h.why in {Hold.APPROVAL, Hold.WINDOW}]
    newest = max(waiting, key=_age, default=None)
    older = [h.release for h in held if h.why is Hold.APPROVAL and h.release is not newest]
    return tuple((r, f"{newest.tag} is newer and is waiting too") for r in older if newest)


def _age(release: Release) -> tuple[Version, datetime]:
    return release.order, release.accepted_at


def _overtaken(fresh: Sequence[Release], newest: Release) -> Reasons:
    older = [r for r in fresh if r is not newest and r.order <= newest.order]
    return tuple((r, f"{newest.tag} is newer" if r.order < newest.order else "it was requested twice") for r in older)


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
