"""How soon an accepted call has to stop its rollout."""

from tests.fakes.queue import MINUTE
from tests.simulation.player import play
from tests.simulation.schedule import Event, Schedule

RELEASE = Event(2.0, "release", {"tag": "v1.1.0"})


def test_a_write_that_outlasts_a_slow_disk_ends_first() -> None:
    slow = Event(0.0, "route_slow", {"seconds": 0.5, "each": 5.0}, "step route_switch")
    rollback = Event(4.0, "rollback")
    played = play(Schedule(1, events=(slow, rollback, RELEASE)))
    assert played.violation is None
    assert (played.counts["call rollback accepted"], played.counts["ended rolled_back"]) == (1, 1)


def test_a_call_whose_rollout_is_cut_off_by_a_failed_write_counts_within_seconds() -> None:
    """The write that begins the next step fails while the call is on its way; both happen in one moment."""
    cancel = Event(0.0, "cancel", cue="effect start", turns=20)
    fails = Event(0.0, "write_fails_late", cue="ask cancel")
    played = play(Schedule(1, events=(cancel, fails, RELEASE)))
    assert played.violation is None
    assert (played.counts["call cancel accepted"], played.counts["ended failed"]) == (1, 1)
    assert played.seconds < MINUTE
