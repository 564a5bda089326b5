from typing import Any

import pytest

from app.domain.stack import Follower
from tests.examples import a_stack
from workers.definition.copies import copies_of, unlike_its_kind

STACK = a_stack(followers=(Follower("queue", "worker"),))


@pytest.mark.parametrize(
    ("service", "count"),
    [
        ({}, 1),
        ({"scale": 2}, 2),
        ({"deploy": {"replicas": 3}}, 3),
        ({"deploy": {"replicas": 0}}, 0),
        ({"deploy": {}}, 1),
    ],
)
def test_copies_are_those_of_compose(service: dict[str, Any], count: int) -> None:
    assert copies_of(service) == count


def problems(**services: Any) -> list[str]:
    return list(unlike_its_kind({"services": services}, STACK))


@pytest.mark.parametrize("several", [{"deploy": {"replicas": 3}}, {"scale": 3}])
def test_singleton_with_several_copies_is_refused(several: dict[str, Any]) -> None:
    (problem,) = problems(bot=several, worker=several)
    assert problem.startswith("bot: it has 3 copies")
    assert "Write it below `followers`" in problem


@pytest.mark.parametrize(
    ("only_once", "what"),
    [
        ({"ports": [{"target": 80, "published": "8080"}]}, "ports has the host's port 8080"),
        ({"networks": {"inner": {"ipv4_address": "10.0.0.9"}}}, "networks/inner has the ipv4_address 10.0.0.9"),
        ({"mac_address": "02:42:ac:11:00:02"}, "mac_address is 02:42:ac:11:00:02"),
    ],
)
def test_follower_that_cannot_run_twice_is_refused(only_once: dict[str, Any], what: str) -> None:
    (problem,) = problems(worker=only_once, bot=only_once)
    assert problem.startswith(f"worker: {what}, but a follower's new copies start while its old ones run.")


@pytest.mark.parametrize(
    "service",
    [
        {"ports": [{"target": 80}, {"target": 81, "published": "9000-9010"}, {"target": 82, "published": "0"}]},
        {"networks": {"default": None}, "network_mode": "host", "deploy": {"replicas": 3}},
    ],
)
def test_follower_that_can_run_twice_is_not_refused(service: dict[str, Any]) -> None:
    assert problems(worker=service) == []
