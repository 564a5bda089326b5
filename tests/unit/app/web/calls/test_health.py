from datetime import timedelta
from typing import Any

from app.api.status import PublishedStatus, RolloutProgress
from app.web.calls.health import RECONCILED_SECONDS, github, reconciliation
from tests.examples import NOW


def at(seconds: float, **more: Any) -> PublishedStatus:
    return PublishedStatus(looked_at=(NOW - timedelta(seconds=seconds)).isoformat(), **more)


def test_worker_is_ok_after_a_recent_look() -> None:
    assert reconciliation(at(RECONCILED_SECONDS), NOW).ok
    assert not reconciliation(at(RECONCILED_SECONDS + 1), NOW).ok


def test_worker_without_a_look_is_not_ok() -> None:
    assert not reconciliation(PublishedStatus(), NOW).ok


def test_running_rollout_excuses_a_late_look() -> None:
    assert reconciliation(at(10_000, rollout=RolloutProgress(id="r-1")), NOW).ok


def test_stale_github_check_keeps_updater_ready() -> None:
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
