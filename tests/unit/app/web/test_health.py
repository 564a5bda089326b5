from datetime import timedelta

from app.web.health import RECONCILED_SECONDS, reconciliation
from tests.examples import NOW


def at(seconds: float) -> dict[str, str]:
    return {"last_checked_at": (NOW - timedelta(seconds=seconds)).isoformat()}


def test_a_worker_that_looked_lately_is_well() -> None:
    assert reconciliation(at(RECONCILED_SECONDS), NOW)["ok"]
    assert not reconciliation(at(RECONCILED_SECONDS + 1), NOW)["ok"]


def test_one_that_never_looked_is_not() -> None:
    assert not reconciliation({}, NOW)["ok"]
    assert not reconciliation({"last_checked_at": None}, NOW)["ok"]


def test_during_a_rollout_nothing_else_is_looked_at() -> None:
    assert reconciliation({**at(10_000), "rollout": {"id": "r-1"}}, NOW)["ok"]
