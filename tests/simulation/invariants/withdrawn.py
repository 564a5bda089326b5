"""What must hold for releases that were withdrawn on GitHub, and for approvals of a commit."""

from datetime import timedelta

from app.domain.acceptance.withdrawn import live_alarm
from app.domain.release import LiveRelease, Release
from app.domain.rollout import Rollout
from tests.fakes.github_api import FakeGitHubApi
from tests.simulation.invariants.checks import asked, at_end, on_write
from tests.simulation.observation.observed import Call, Observed, Write

SLACK_SECONDS, SLOW_SLACK_SECONDS = 1.0, 20.0
"""What has been written to the state file when the answer came counts; on a slow disk that takes longer."""

LOOK_TAKES_SECONDS = 10.0
"""A look at GitHub that began before a withdrawal may have ended after it."""

UNKNOWN = ("redis_away", "redis_hangs", "redis_lost")
"""While Redis is away the worker cannot know what was withdrawn."""

LOST = ("state_removed", "state_damaged")


@asked(on_write)
def a_withdrawn_release_never_begins(seen: Observed, write: Write) -> str | None:
    """[C] When a withdrawal is acknowledged, its release does not begin any more."""
    before, after = write.before.rollout, write.after.rollout
    if write.afresh or after is None or (before is not None and before.id == after.id):
        return None
    return _wrong(seen, after, "begins")


@asked(on_write)
def a_withdrawn_release_never_flips(seen: Observed, write: Write) -> str | None:
    """[C] When a withdrawal is acknowledged before the flip, its release does not get the traffic.

    A worker that was suspended until this moment, after the answer to its question and before it has written, cannot
    know better.
    """
    before, after = write.before.rollout, write.after.rollout
    if write.afresh or before is None or after is None or before.id != after.id:
        return None
    if not after.past_flip or before.past_flip:
        return None
    answered_at = seen.world.inbox.answered_at
    suspended = [began for began, ended in seen.suspensions if began >= answered_at and ended == seen.now]
    return _wrong(seen, after, "flips", until=min(suspended, default=seen.now))


@asked(on_write)
def an_approval_is_for_its_commit(seen: Observed, write: Write) -> str | None:
    """[H] What is rolled out after an approval is a commit that was approved."""
    rollout = write.after.rollout
    if rollout is None or rollout.sha is None or not rollout.release.approved:
        return None
    approved = [c.commit for c in seen.calls if c.name == "approve" and c.accepted and c.rollout == rollout.id]
    wrong = approved and rollout.sha not in approved
    return f"{rollout.id} has the commit {rollout.sha}, and approved was {approved}" if wrong else None


@asked(at_end)
def a_withdrawn_live_release_has_an_alarm(seen: Observed) -> str | None:
    """[C] A live release that was withdrawn is no secret, unless GitHub has it again: then it is not withdrawn."""
    live = seen.state.current
    if live is None or not live.key or any(seen.happened[fault] for fault in (*UNKNOWN, *LOST)):
        return None
    for call in _acknowledged(seen, seen.now):
        if call.withdrawal and call.withdrawal.covers(live.key, live.published_at) and _is_a_secret(seen, live):
            return f"{call}, its release is live, and there is no alarm"
    return None


@asked(at_end)
def an_unheard_withdrawal_of_the_live_release_is_found(seen: Observed) -> str | None:
    """[C] When GitHub's list was read since, a live release that it lacks has an alarm, without any webhook."""
    live, looked = seen.state.current, seen.state.last_checked_at
    if live is None or looked is None or seen.happened["clock_set"]:
        return None
    late = looked - timedelta(seconds=LOOK_TAKES_SECONDS)
    gone = [w for w in seen.unheard if w.covers(live.key, live.published_at) and max(w.at, live.since) < late]
    return f"{gone[0]}, its release is live, and there is no alarm" if gone and _is_a_secret(seen, live) else None


def _is_a_secret(seen: Observed, live: LiveRelease) -> bool:
    """Whether GitHub lacks the live release, and no alarm says so."""
    listed = seen.world.github.published if isinstance(seen.world.github, FakeGitHubApi) else []
    again = any(p.event.key == live.key and not p.event.draft for p in listed)
    return not again and not live_alarm(seen.state)


def _wrong(seen: Observed, rollout: Rollout, does: str, *, until: float | None = None) -> str | None:
    """`until`: only withdrawals before count; by default those before now."""
    if any(seen.happened[fault] for fault in UNKNOWN):
        return None
    slack = SLOW_SLACK_SECONDS if seen.happened["disk_slow"] else SLACK_SECONDS
    for call in _acknowledged(seen, (seen.now if until is None else until) - slack):
        if _took_back(call, rollout.release):
            return f"{call}, but {rollout.id} {does}"
    return None


def _acknowledged(seen: Observed, until: float) -> list[Call]:
    calls = (c for c in seen.calls if c.name == "withdraw" and c.accepted)
    return [c for c in calls if c.answered_at is not None and c.answered_at <= until]


def _took_back(call: Call, release: Release) -> bool:
    return call.withdrawal is not None and call.withdrawal.covers(release.key, release.published_at)
