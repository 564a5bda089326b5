"""Compares a play in which a target of messages fails with the same play in which none does."""

from dataclasses import replace

from tests.simulation.observation.trace import Trace
from tests.simulation.schedule import Schedule

INVARIANT = "a failing notifier changes no rollout"
FAILURES = {"target_refuses", "target_hangs", "notices_unwritable"}


def undisturbed(schedule: Schedule) -> Schedule | None:
    """The schedule without the notifier's failures; None if it has none."""
    others = tuple(event for event in schedule.events if event.does not in FAILURES)
    return replace(schedule, events=others) if len(others) < len(schedule.events) else None


def difference(played: Trace, other: Trace, until: float) -> str:
    """The first change of the stack or the state file before `until` that differs; empty if none does."""
    with_failures, without = played.changes(until), other.changes(until)
    if with_failures == without:
        return ""
    pairs = zip([*with_failures, "nothing"], [*without, "nothing"], strict=False)
    seen, expected = next(pair for pair in pairs if pair[0] != pair[1])
    return f"{seen.strip()}; without the failure: {expected.strip()}"
