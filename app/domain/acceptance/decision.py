"""Decides which accepted release goes live, which ones wait, and which never will."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from app.domain.release import LiveRelease, Release
from app.domain.rollout import Rollout
from app.domain.state import State
from app.domain.tags import Position, TagRule

Reasons = tuple[tuple[Release, str], ...]
Positions = Mapping[Release, Position]
"""Where each release stands in the stack's order."""


class Hold(StrEnum):
    """What a release is waiting for, apart from the end of a running rollout."""

    PAUSED = "paused"
    RETRY = "retry"
    AUTOMATIC_OFF = "automatic_off"
    CHECKS = "checks"
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
    rule: TagRule = TagRule(),  # noqa: B008 - it is frozen
    *,
    enabled: bool = True,
    approval: bool = False,
    checks: bool = False,
    opens_at: datetime | None = None,
    now: datetime | None = None,
) -> Decision:
    """Picks the newest wanted release, a forced one first. Releases older than it or than the live one never go live.

    While paused, only a forced release goes, and a failed one whose `retry_at` is not after `now`. A release that an
    operator asked for goes even if automatic updates are off (`enabled` is false), releases need an `approval` or green
    `checks`, or no window is open (`opens_at` is when the next one opens). Newer releases then keep waiting. Only the
    newest release waits for an approval. `rule` orders the releases; one without a place in the order, because the
    stack file was changed, never goes live.
    """
    hold = partial(
        _hold,
        paused=state.paused,
        enabled=enabled,
        approval=approval,
        checks=checks,
        opens_at=opens_at,
        now=now,
    )
    return _forced(state, hold) or _newest(state, hold, rule)


def overtakes(newer: Release, running: Rollout, rule: TagRule) -> bool:
    """Whether `newer` may replace the running rollout, which has not moved the route yet."""
    if running.release.force:
        return False
    own, other = newer.position(rule), running.release.position(rule)
    return newer.force or (own is not None and other is not None and own > other)


def _forced(state: State, hold: Holding) -> Decision | None:
    """The decision for the release that was forced last; None if none was forced."""
    forced = [r for r in state.accepted if r.force]
    if not forced:
        return None
    go = forced[-1]
    overtaken = tuple((r, f"a later forced apply of {go.tag} replaced it") for r in forced[:-1])
    return Decision(go, overtaken, _held((r for r in state.accepted if not r.force), hold))


def _newest(state: State, hold: Holding, rule: TagRule) -> Decision:
    at = {r: position for r in state.accepted if (position := r.position(rule))}
    unordered = tuple((r, str(rule.refusal(r.dated))) for r in state.accepted if r not in at)
    fresh, stale = _against_live(state, at, rule)
    outrun = _outrun(_held(fresh, hold), at)
    never_waits = {release for release, _ in outrun}
    fresh = [r for r in fresh if r not in never_waits]
    newest = max((r for r in fresh if hold(r) is None), key=_age(at), default=None)
    never = (*unordered, *stale, *outrun)
    if newest is None:
        return Decision(None, never, _held(fresh, hold))
    newer = [r for r in fresh if at[r] > at[newest]]
    return Decision(newest, (*never, *_overtaken(fresh, newest, at)), _held(newer, hold))


def _held(releases: Iterable[Release], hold: Holding) -> tuple[HeldRelease, ...]:
    return tuple(held for release in releases if (held := hold(release)))


def _hold(
    release: Release,
    *,
    paused: bool,
    enabled: bool,
    approval: bool,
    checks: bool,
    opens_at: datetime | None,
    now: datetime | None,
) -> HeldRelease | None:
    if paused:
        if release.retry_at is None:
            return HeldRelease(release, Hold.PAUSED)
        if now is None or now < release.retry_at:
            return HeldRelease(release, Hold.RETRY, release.retry_at)
    if release.asked_for:
        return None
    if checks and not release.has_green_checks:
        return HeldRelease(release, Hold.CHECKS)
    return _person_or_time(release, enabled=enabled, approval=approval, opens_at=opens_at)


def _person_or_time(
    release: Release, *, enabled: bool, approval: bool, opens_at: datetime | None
) -> HeldRelease | None:
    if approval and not release.approved:
        return HeldRelease(release, Hold.APPROVAL)
    if not enabled and not release.approved:
        return HeldRelease(release, Hold.AUTOMATIC_OFF)
    return HeldRelease(release, Hold.WINDOW, opens_at) if opens_at else None


def _outrun(held: Sequence[HeldRelease], at: Positions) -> Reasons:
    """Releases that wait for an approval while a newer one waits for an approval or a window."""
    waiting = [h.release for h in held if h.why in {Hold.APPROVAL, Hold.WINDOW}]
    newest = max(waiting, key=_age(at), default=None)
    older = [h.release for h in held if h.why is Hold.APPROVAL and h.release is not newest]
    return tuple((r, f"{newest.tag} is newer and is waiting too") for r in older if newest)


def _age(at: Positions) -> Callable[[Release], tuple[Position, datetime]]:
    return lambda release: (at[release], release.accepted_at)


def _overtaken(fresh: Sequence[Release], newest: Release, at: Positions) -> Reasons:
    older = [r for r in fresh if r is not newest and at[r] <= at[newest]]
    return tuple((r, f"{newest.tag} is newer" if at[r] < at[newest] else "it was requested twice") for r in older)


def _against_live(state: State, at: Positions, rule: TagRule) -> tuple[list[Release], Reasons]:
    live = state.current
    if live is None:
        return list(at), ()
    fresh = [r for r in at if not rule.not_newer(r.dated, live.dated)]
    stale = tuple(
        (r, f"{live.tag} is already live" if _same(r, live, rule) else f"the live {live.tag} is newer")
        for r in at
        if rule.not_newer(r.dated, live.dated)
    )
    return fresh, stale


def _same(release: Release, live: LiveRelease, rule: TagRule) -> bool:
    return release.tag == live.tag or release.position(rule) == live.position(rule)
