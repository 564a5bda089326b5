"""`bin/demo --engine swarm` succeeds only if both releases end as expected, and names every difference."""

from typing import Any

import pytest

from deploy.demo.load import Report
from deploy.demo.play import BAD
from deploy.demo.swarm.play import MOST_LOST, PlayedRelease, is_at, outcome_in_swarm, problems
from tests.unit.demo.test_endings import GOOD

LOSS = {
    **{"node": "node2", "result": "failed", "tag_live": "v1.1.0", "active_color": "green", "paused": True},
    **{"requests": 5_000, "failed_requests": 2, "later_requests": 1_000, "later_failed": 0},
    **{"max_bots": 1, "bots_open": 1, "deployment_states": BAD},
}
NODES = [
    {"name": "node1", "role": "manager", "state": "ready", "tasks": 6},
    {"name": "node2", "role": "worker", "state": "down", "tasks": 0},
]


def outcome(**loss: Any) -> dict[str, Any]:
    releases = [PlayedRelease("", each, Report(), {}) for each in (GOOD, {**LOSS, **loss})]
    return outcome_in_swarm(releases, NODES)


def test_outcome_has_the_fields_of_one_host_and_the_nodes() -> None:
    assert outcome() == {**GOOD, "node_loss": LOSS, "nodes": NODES}


def test_expected_ending_has_no_problem() -> None:
    assert problems(outcome()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("result", "success"),
        ("tag_live", "v1.2.0"),
        ("active_color", "blue"),
        ("paused", False),
        ("later_failed", 1),
        ("failed_requests", MOST_LOST + 1),
        ("max_bots", 2),
        ("bots_open", 0),
        ("deployment_states", ["queued"]),
    ],
)
def test_difference_in_the_second_release_is_named(name: str, value: object) -> None:
    (problem,) = problems(outcome(**{name: value}))
    assert problem.startswith("v1.2.0: ")


def test_failed_request_of_the_first_release_is_named() -> None:
    assert problems({**outcome(), "failed_requests": 1}) == ["failed_requests is 1, expected 0"]


@pytest.mark.parametrize("change", [{"state": "ready"}, {"tasks": 1}])
def test_node_that_is_not_lost_is_named(change: dict[str, Any]) -> None:
    nodes = [NODES[0], {**NODES[1], **change}]
    (problem,) = problems({**outcome(), "nodes": nodes})
    assert "expected node2 alone to be down" in problem


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (None, False),
        ({"tag": "v1.2.0", "step": None}, False),
        ({"tag": "v1.1.0", "step": "start_skills"}, False),
        ({"tag": "v1.2.0", "step": "start_skills"}, True),
    ],
)
def test_step_counts_for_its_release_only(rollout: dict[str, Any] | None, expected: bool) -> None:
    assert is_at({"rollout": rollout}, "v1.2.0", "start_skills") is expected
