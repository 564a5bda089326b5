"""The kill points of row 1 cover every step, and ask no release to survive more than it may."""

import pytest

from tests.faults.kill_points import AFTER_THE_FLIP, BEFORE_THE_FLIP, Moment, Point, schedule


@pytest.mark.parametrize("both", [False, True])
def test_every_step_is_killed_at_once(both: bool) -> None:
    moments = list(Moment) if both else [Moment.BEGUN]
    wanted = [Point(step, moment) for step in (*BEFORE_THE_FLIP, *AFTER_THE_FLIP) for moment in moments]
    planned = [point for release in schedule(both=both) for point in release]
    assert sorted(map(str, planned)) == sorted(map(str, wanted))


def test_no_release_is_killed_more_often_than_recovery_allows() -> None:
    for points in schedule(both=True):
        assert len([p for p in points if p.step in BEFORE_THE_FLIP]) <= 2
        assert len([p for p in points if p.step in AFTER_THE_FLIP]) <= 3
