"""What must hold for the messages to people."""

from app.domain.notices.notice import digest
from tests.fakes.notices.targets import Try
from tests.simulation.invariants.checks import asked, at_end, on_drop, on_message
from tests.simulation.observation.notices import PATIENCE, Message
from tests.simulation.observation.observed import Observed


@asked(on_message)
def a_notice_is_sent_once(seen: Observed, trying: Try) -> str | None:
    """A target gets a notice once for each time that it is due, and again only if its answer may be unknown."""
    event = trying.notice.id
    before = [t for t in seen.notices.tries if t.target == trying.target and t.notice.id == event]
    known = [t for t in before if not _may_be_unknown(seen, t)]
    if len(known) < seen.notices.requests[event]:
        return None
    return f"{trying.target} gets {event} again, but it had accepted it at {known[-1].answered_at} s"


def _may_be_unknown(seen: Observed, trying: Try) -> bool:
    """Whether the worker may not know that the target has the message, or may not have kept it."""
    if trying.answered_at is None or trying.received_at is None or seen.happened["suspend"]:
        return True
    ended = trying.process.ended_at if trying.process is not None else None
    late = trying.answered_at - trying.began_at >= PATIENCE.send
    if ended is not None and (late or ended == trying.answered_at):
        return True
    return any(at >= trying.answered_at for at in seen.notices.unsaved)


@asked(on_drop)
def a_notice_is_given_up_late(seen: Observed, message: Message) -> str | None:
    """A message is dropped only after the target did not accept it for the documented time."""
    waited = seen.now - seen.notices.wanted.get(message, 0.0)
    if waited >= PATIENCE.give_up or seen.happened["suspend"]:
        return None  # for a suspended worker, the message has waited since before another one wanted it
    return f"{message[1]} is given up after {waited:.1f} s, before {PATIENCE.give_up:g} s have passed"


@asked(at_end)
def each_notice_arrives(seen: Observed) -> str | None:
    """Each message that was on disk once has arrived, or was given up."""
    got = {(digest(target.url), notice.id) for target in seen.notices.targets for notice in target.got}
    lost = set(seen.notices.kept) - got - set(seen.notices.given_up)
    return f"lost: {' '.join(sorted(event for _, event in lost))}" if lost else None


@asked(at_end)
def each_end_is_reported(seen: Observed) -> str | None:
    """People get a message about each end of a rollout that the history has, unless it was given up."""
    if seen.happened["disk_full"] or seen.happened["notices_unwritable"]:
        return None
    reported = {event for _, event in seen.notices.kept}
    for rollout, ends in seen.ends.items():
        if ends and not any(event.startswith(f"rollout:{rollout}:") for event in reported):
            return f"no message about the end of {rollout}: {ends}"
    return None


@asked(on_message)
def a_silent_target_delays_no_other(seen: Observed, trying: Try) -> str | None:
    """The second target, which always answers, gets each message soon."""
    if trying.target == seen.notices.targets[0].url or any(seen.happened[what] for what in ENDING):
        return None
    waited = seen.now - seen.notices.wanted.get((digest(trying.target), trying.notice.id), seen.now)
    return f"{trying.target} gets {trying.notice.id} after {waited:.1f} s" if waited > SOON else None


SOON = 3.0
ENDING = (
    *("kill", "terminate", "suspend", "second_worker", "engine_restarts", "state_damaged", "state_removed"),
    *("successor_dies", "disk_full", "notices_unwritable", "route_unreadable"),
)
"""What ends a worker, also one that starts, or keeps it from writing."""
