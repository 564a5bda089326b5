"""What must hold for the calls of operators and for accepted releases."""

from app.domain.errors import ReleaseNotKept, UnknownRollout
from app.domain.rollout import RolloutStatus
from tests.simulation.invariants.checks import asked, at_end, on_answer, on_write
from tests.simulation.observation.observed import Call, Observed, Write


@asked(on_answer)
def an_accepted_pause_counts(seen: Observed, call: Call) -> str | None:
    """[C] When a pause is acknowledged, the state file has it."""
    if call.name != "pause" or not call.accepted or seen.state.paused:
        return None
    meanwhile = [c for c in seen.calls if c.name == "unpause" and (c.answered_at or seen.now) >= call.asked_at]
    return None if meanwhile else "the pause was acknowledged, but the state file has none"


@asked(on_answer)
def an_accepted_unpause_counts(seen: Observed, call: Call) -> str | None:
    """[C] When an unpause is acknowledged, the state file has no older pause."""
    if call.name != "unpause" or not call.accepted or not seen.state.paused or seen.paused_at >= call.asked_at:
        return None
    return f"the unpause was acknowledged, but the state file still has the pause: {seen.state.pause_reason}"


@asked(on_answer)
def a_call_reaches_the_running_rollout(seen: Observed, call: Call) -> str | None:
    """[C] What runs is known to each call, also while an interrupted rollout is being ended."""
    then, now = call.began_in, seen.state.rollout
    if then is None or now is None or then.id != now.id:
        return None
    if call.name == "cancel" and call.rollout == then.id and call.code == UnknownRollout.code:
        return f"{call}, but it runs"
    passed_by = call.code == ReleaseNotKept.code or (call.accepted and call.rollout != then.id)
    if call.name == "rollback" and then.on_trial and now.on_trial and passed_by:
        return f"{call}, but {then.id} is on trial"
    return None


@asked(at_end)
def an_accepted_cancel_counts(seen: Observed) -> str | None:
    """[C] A release whose cancel was acknowledged does not go live."""
    for call in (c for c in seen.calls if c.name == "cancel" and c.accepted):
        if RolloutStatus.SUCCESS in seen.ends.get(call.rollout, []):
            return f"{call}, but it went live"
    return None


@asked(at_end)
def an_accepted_rollback_counts(seen: Observed) -> str | None:
    """[C] A rollout whose rollback was acknowledged while it was on trial does not stay live."""
    for call in (c for c in seen.calls if c.name == "rollback" and c.accepted and c.on_trial):
        if RolloutStatus.SUCCESS in seen.ends.get(call.rollout, []):
            return f"{call}, but it stayed live"
    return None


@asked(on_write)
def an_accepted_rollback_takes_the_release_off(seen: Observed, write: Write) -> str | None:
    """[C] A rollout whose rollback was acknowledged while it was on trial does not stay live, whatever its labels."""
    ended, live = write.before.rollout, write.after.current
    if ended is None or write.after.rollout is not None or write.afresh or live is None or live.rollout_id != ended.id:
        return None
    calls = [c for c in seen.calls if c.name == "rollback" and c.accepted and c.on_trial and c.rollout == ended.id]
    return f"{calls[0]}, but its release is live" if calls else None


@asked(on_write)
def an_accepted_rollback_has_a_way_back(seen: Observed, write: Write) -> str | None:
    """[F] A rollback that was acknowledged does not end because the release was not kept after all."""
    ended = write.before.rollout
    if ended is None or write.after.rollout is not None or write.afresh or ended.reason_code != ReleaseNotKept.code:
        return None
    return f"{ended.id} was accepted, but it ended: {ended.error}"


@asked(at_end)
def an_accepted_release_is_not_lost(seen: Observed) -> str | None:
    """[C] Each release that was answered with 202 waits, or has one end that people can read."""
    entries = {entry.rollout_id: entry for entry in seen.world.publisher.entries}
    waiting, keys = {r.rollout_id for r in seen.state.accepted}, {r.key for r in seen.state.accepted}
    # under another id, if a missed release was accepted meanwhile; an interrupted attempt is no end
    decided = {entry.key for entry in entries.values() if not entry.undecided or seen.ends.get(entry.rollout_id)}
    for rollout, release in seen.accepted.items():
        if release.key not in keys | decided:
            return f"{release.tag} ({rollout}, {release.trigger}) was accepted, but it neither waits nor has an end"
        if rollout in waiting and seen.ends.get(rollout):
            return f"{release.tag} ({rollout}) waits, but it has ended: {seen.ends[rollout]}"
        if seen.ends.get(rollout) and rollout in entries and seen.ends[rollout][-1] != entries[rollout].result:
            return f"{rollout} ended {seen.ends[rollout][-1]}, but its history says {entries[rollout].result}"
    return None
