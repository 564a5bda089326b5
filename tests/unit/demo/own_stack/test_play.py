from typing import Any

import pytest

from deploy.demo.own_stack.play import Played, outcome_of
from deploy.demo.own_stack.route_load import Report


def result(status: str, **more: Any) -> dict[str, Any]:
    return {"status": status, "error": None, "evidence": {}, "warnings": [], "duration_seconds": 1.0, **more}


FLIP = {"route_switch": {"seconds": 1.0, "flip_ms": 12.5}}


def test_success_has_every_number() -> None:
    first = result("success", warnings=["one"])
    second = result("success", evidence=FLIP, warnings=["one", "two"])
    back = result("success", evidence={"route_switch": {"flip_ms": 8.0}})
    outcome = outcome_of(Played("v1.0.0", "v1.1.0", first, second, back, Report(requests=9), "v1.0.0"))
    assert (outcome["result"], outcome["rollback"], outcome["problems"]) == ("success", "success", [])
    assert (outcome["flip_ms"], outcome["rollback_ms"]) == (12.5, 8.0)
    assert outcome["warnings"] == ["one", "two"]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_updater_s_own_message_comes_first(failing: int) -> None:
    results: list[Any] = [result("success"), result("success"), result("success")]
    results[failing] = result("failed", error="build_failed: exit code 1")
    results[failing + 1 :] = [None] * (2 - failing)
    problems = Played("v1.0.0", "v1.1.0", *results).problems
    assert problems[0] == "build_failed: exit code 1"
    assert ["v1.0.0", "v1.1.0", "the rollback"][failing] in problems[1]


def test_failed_request_is_a_problem() -> None:
    good = result("success")
    assert Played("a", "b", good, good, good, Report(requests=5, failed=1)).problems == ["1 of 5 requests failed."]


def test_release_that_did_not_end_is_a_problem() -> None:
    assert Played("a", "b").problems
