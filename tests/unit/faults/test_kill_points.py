"""The kill points of row 1 cover every step, and stay within the number of kills that a release may survive."""

import pytest

from tests.faults.kill_points import AFTER_THE_FLIP, BEFORE_THE_FLIP, DISCARD, ROLLBACK, Moment, Point, pairs, schedule


@pytest.mark.parametrize("both", [False, True])
def test_every_kill_point_is_scheduled_once(both: bool) -> None:
    moments = list(Moment) if both else [Moment.BEGUN]
    wanted = [Point(step, moment) for step in (*BEFORE_THE_FLIP, *AFTER_THE_FLIP) for moment in moments]
    planned = [point for release in schedule(both=both) for point in release]
    assert sorted(map(str, planned)) == sorted(map(str, wanted))


def test_kills_per_release_stay_within_the_limit() -> None:
    for points in schedule(both=True):
        assert len([p for p in points if p.step in BEFORE_THE_FLIP]) <= 2
        assert len([p for p in points if p.step in AFTER_THE_FLIP]) <= 3


@pytest.mark.parametrize("steps", [ROLLBACK, DISCARD])
@pytest.mark.parametrize("both", [False, True])
def test_rollback_steps_are_killed_twice_in_a_row(steps: tuple[str, ...], both: bool) -> None:
    moments = list(Moment) if both else [Moment.BEGUN]
    planned = pairs(steps, both=both)
    assert {str(p) for pair in planned for p in pair} == {str(Point(s, m)) for s in steps for m in moments}
    order = [str(Point(s, m)) for s in steps for m in moments]
    assert all(order.index(str(second)) == order.index(str(first)) + 1 for first, second in planned)
