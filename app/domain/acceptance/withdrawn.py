"""What a withdrawal on GitHub, or a moved tag, makes of the releases that wait and of the live one."""

from collections.abc import Iterable
from dataclasses import replace

from app.domain.errors import Withdrawn
from app.domain.findings import Alarm
from app.domain.release import MANUAL_KEY, LiveRelease, Release
from app.domain.state import Dropped, State
from app.domain.withdrawal import WITHDRAWN_KEPT, Withdrawal


def withdraw(state: State, *found: Withdrawal) -> State:
    """Records withdrawals, which may be known already, and dismisses the waiting releases that were withdrawn.

    Of more than WITHDRAWN_KEPT, those of the live and the running release and the latest are kept.
    """
    latest = {w.key: w for w in sorted((*found, *state.withdrawn), key=lambda w: w.at)}
    live = {state.current.key} if state.current else set()
    live |= {state.rollout.release.key} if state.rollout else set()
    kept = sorted(latest.values(), key=lambda w: (w.key in live, w.at))[-WITHDRAWN_KEPT:]
    now = state if tuple(kept) == state.withdrawn else replace(state, withdrawn=tuple(kept))
    every = tuple(latest.values())
    gone = [(release, why) for release in state.accepted if (why := _covering(every, release))]
    return now.dismiss(*(Dropped(release, Withdrawn.code, why.text) for release, why in gone))


def replaced(state: State, pending: Iterable[Release]) -> list[Withdrawal]:
    """The withdrawals of releases that wait or run, of which `pending` has a later publication.

    GitHub gives a release a later date only if it was a draft meanwhile: its withdrawal was not seen, or is past.
    """
    later = {release.key: release for release in pending}
    return [
        Withdrawal(
            old.key, old.tag, new.accepted_at, "it was withdrawn on GitHub and published again", old.published_at
        )
        for old in state.at_work
        if (new := later.get(old.key)) and is_later(new, old)
    ]


def waits_for_the_one_before(state: State, release: Release) -> bool:
    """Whether an earlier publication of `release` still waits or runs: it is accepted when that has ended."""
    return any(old.key == release.key and is_later(release, old) for old in state.at_work)


def is_later(new: Release, old: Release) -> bool:
    """Whether `new` is a later publication of the release `old`. Unknown dates are none."""
    return bool(new.published_at and old.published_at and new.published_at > old.published_at)


def withdrawal_of(state: State, release: Release | LiveRelease) -> Withdrawal | None:
    """How `release` was withdrawn on GitHub; None if it was not."""
    return _covering(state.withdrawn, release)


def _covering(withdrawals: Iterable[Withdrawal], release: Release | LiveRelease) -> Withdrawal | None:
    return next((w for w in withdrawals if w.covers(release.key, release.published_at)), None)


def committed(state: State, key: str, commit: str) -> State:
    """Records the commit of a waiting release's tag, if none is recorded."""

    def commit_of(release: Release) -> Release:
        return replace(release, commit=commit) if release.key == key and release.commit is None else release

    return replace(state, accepted=tuple(map(commit_of, state.accepted)))


def moved(state: State, key: str, commit: str) -> State:
    """Records that the tag of a waiting release points to another commit now, which has no approval and no checks."""

    def move(release: Release) -> Release:
        if release.commit == commit:
            return release  # recorded a moment ago, and perhaps approved since
        checks = release.checks if release.checks and release.checks.sha == commit else None
        return replace(release, commit=commit, moved_from=release.commit, approved=False, checks=checks)

    return replace(state, accepted=tuple(move(r) if r.key == key else r for r in state.accepted))


def made_again(state: State, release: Release) -> State:
    """The live release was withdrawn, and `release` is a new one of its tag and its commit: that one is live now."""
    live = state.current
    if live is None or live.tag != release.tag or withdrawal_of(state, live) is None:
        return state
    return replace(state, current=replace(live, key=release.key))


def warning_of(state: State, tag: str) -> list[str]:
    """What a plan of `tag` says if its release was withdrawn."""
    waits = any(release.tag == tag for release in state.accepted)
    latest = next((w for w in reversed(state.withdrawn) if w.tag == tag and not waits), None)
    return [f"{tag}: {latest.text}. Ask its author why first."] if latest else []


def live_alarm(state: State) -> Alarm | None:
    """The alarm that the release with the traffic was withdrawn; None if it was not.

    It may still be on trial. What an operator deployed by its tag counts as the release with that tag, if that was
    withdrawn since.
    """
    live, rollout = state.current, state.rollout
    running = rollout.release if rollout and rollout.past_flip else None
    if running and (withdrawal := withdrawal_of(state, running)):
        return _alarm(running.tag, withdrawal)
    withdrawal = next((w for w in state.withdrawn if live and _concerns(w, live)), None)
    return _alarm(live.tag, withdrawal) if live and withdrawal else None


def _concerns(withdrawal: Withdrawal, live: LiveRelease) -> bool:
    if live.key and not live.key.startswith(MANUAL_KEY):
        return withdrawal.covers(live.key, live.published_at)
    return withdrawal.tag == live.tag and withdrawal.at >= live.since


def _alarm(tag: str, withdrawal: Withdrawal) -> Alarm:
    text = (
        f"{tag} has your traffic, and {withdrawal.reason} ({withdrawal.at:%Y-%m-%d %H:%M} UTC). It stays live: the "
        "updater changes nothing. Ask its author why. If it is bad, run `updater rollback`, or publish a newer "
        "release. The alarm ends when another release is live, or when this one is published again."
    )
    return Alarm("live_release_withdrawn", text)
