"""`bin/demo` succeeds only if the release ends as expected, and names every difference."""

from typing import Any

import pytest

from deploy.demo.load import Report
from deploy.demo.play import LEAST_REQUESTS, outcome_of, problems
from deploy.demo.repository import Variant

RESULT = {
    "status": "success",
    "duration_seconds": 31.5,
    "steps_completed": ["preflight", "route_switch"],
    "evidence": {"route_switch": {"seconds": 0.2, "flip_ms": 81.0}},
}
STATUS = {"current": {"tag": "v1.1.0"}, "active_color": "green", "paused": False}
SESSIONS = {"gaps": [0.5, 0.25], "max": 1, "open": 1}
REPORT = Report(requests=LEAST_REQUESTS)
SEEN = {"route_moved": True, "green_containers": 2, "deployment_states": ["queued", "in_progress", "success"]}

GOOD = outcome_of(RESULT, STATUS, SESSIONS, REPORT) | SEEN
REFUSED = GOOD | {
    **{"result": "failed", "tag_live": "v1.0.0", "active_color": "blue", "paused": True},
    **{"route_moved": False, "green_containers": 0},
    "deployment_states": ["queued", "in_progress", "failure"],
}
ROLLED_BACK = REFUSED | {"result": "rolled_back", "route_moved": True, "green_containers": 2}

EXPECTED = {
    Variant.GOOD: GOOD,
    Variant.UNHEALTHY: REFUSED,
    Variant.BROKEN_BUILD: REFUSED,
    Variant.BOT_FAILS: ROLLED_BACK,
}


def test_outcome_uses_the_contracts_field_names() -> None:
    assert outcome_of(RESULT, STATUS, SESSIONS, REPORT) == {
        "result": "success",
        "tag_live": "v1.1.0",
        "active_color": "green",
        "paused": False,
        "requests": LEAST_REQUESTS,
        "failed_requests": 0,
        "flip_ms": 81.0,
        "rollback_ms": None,
        "bot_gap_s": 0.25,
        "max_bots": 1,
        "bots_open": 1,
        "duration_s": 31.5,
        "steps_completed": ["preflight", "route_switch"],
    }


def test_missing_evidence_yields_none() -> None:
    result = RESULT | {"evidence": {"rollback_route": {"rollback_ms": 12.0}}}
    outcome = outcome_of(result, STATUS, SESSIONS | {"gaps": []}, REPORT)
    assert (outcome["flip_ms"], outcome["rollback_ms"], outcome["bot_gap_s"]) == (None, 12.0, None)


@pytest.mark.parametrize("variant", Variant)
def test_expected_ending_has_no_problem(variant: Variant) -> None:
    assert problems(EXPECTED[variant], variant) == []


@pytest.mark.parametrize("variant", Variant)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("result", "cancelled"),
        ("tag_live", "v0.9.0"),
        ("active_color", None),
        ("paused", None),
        ("route_moved", None),
        ("green_containers", 1),
        ("deployment_states", ["queued", "in_progress"]),
        ("failed_requests", 1),
        ("max_bots", 2),
        ("bots_open", 0),
    ],
)
def test_each_wrong_value_is_reported(variant: Variant, name: str, value: Any) -> None:
    wrong = EXPECTED[variant] | {name: value}
    assert problems(wrong, variant) == [f"{name} is {value}, expected {EXPECTED[variant][name]}"]


def test_too_few_requests_are_reported() -> None:
    few = GOOD | {"requests": LEAST_REQUESTS - 1}
    assert problems(few, Variant.GOOD) == [f"only {LEAST_REQUESTS - 1} requests were made"]


def test_every_problem_is_reported_at_once() -> None:
    assert len(problems(REFUSED, Variant.GOOD)) == 7
