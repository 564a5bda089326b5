from datetime import timedelta
from typing import Any

from app.api.status import PublishedStatus, RolloutProgress
from app.web.calls.health import RECONCILED_SECONDS, github, reconciliation
from tests.examples import NOW


def at(seconds: float, **more: Any) -> PublishedStatus:
    return PublishedStatus(looked_at=(NOW - timedelta(seconds=seconds)).isoformat(), **more)


def test_a_worker_that_looked_lately_is_well() -> None:
    assert reconciliation(at(RECONCILED_SECONDS), NOW).ok
    assert not reconciliation(at(RECONCILED_SECONDS + 1), NOW).ok


def test_one_that_never_looked_is_not() -> None:
    assert not reconciliation(PublishedStatus(), NOW).ok


def test_during_a_rollout_nothing_else_is_looked_at() -> None:
    assert reconciliation(at(10_000, rollout=RolloutProgress(id="r-1")), NOW).ok


def test_github_is_as_old_as_its_last_answer_and_never_makes_the_updater_unready() -> None:
    asked = at(1, last_checked_at=(NOW - timedelta(hours=5)).isoformat())
    assert github(asked, NOW).as_json() == {
        "ok": True,
        "found": "its releases were checked 18000 s ago",
        "age_seconds": 18000.0,
    }
    assert github(at(1), NOW).as_json() == {
        "ok": True,
        "found": "its releases were never checked",
        "age_seconds": None,
    }
