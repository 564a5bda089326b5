"""How many copies a service has, and which numbers are refused."""

from typing import Any

import pytest

from app.domain.stack import Color
from tests.examples import a_stack
from workers.definition.services.copies import copies_of, uneven, with_copies, wrong_numbers

STACK = a_stack()


def model(blue: dict[str, Any], green: dict[str, Any] | None = None, **services: dict[str, Any]) -> dict[str, Any]:
    own = {"api-blue": blue, "api-green": blue if green is None else green}
    return {"services": {"skills-blue": {}, "skills-green": {}, "bot": {}, **own, **services}}


def refused(blue: dict[str, Any], green: dict[str, Any] | None = None, **services: dict[str, Any]) -> list[str]:
    return list(wrong_numbers(model(blue, green, **services), STACK))


@pytest.mark.parametrize(
    ("service", "number"),
    [
        ({}, 1),
        ({"scale": 3}, 3),
        ({"deploy": {"replicas": 3}}, 3),
        ({"scale": 2, "deploy": {"replicas": 2}}, 2),
        ({"scale": 0}, 0),
        ({"deploy": {"mode": "global"}}, 1),
        ({"deploy": None}, 1),
    ],
)
def test_number_of_copies_is_composes(service: dict[str, Any], number: int) -> None:
    assert copies_of(service) == number


@pytest.mark.parametrize("service", [{"scale": 2}, {"deploy": {"replicas": 2, "resources": {}}}, {"image": "x"}])
def test_number_can_be_replaced(service: dict[str, Any]) -> None:
    changed = with_copies(service, 3)
    assert copies_of(changed) == 3
    assert "replicas" not in changed.get("deploy", {})
    assert with_copies(changed, 3) == changed
    assert copies_of(service) != 3


def test_copies_in_one_network_are_accepted() -> None:
    service = {"scale": 3, "ports": [{"target": 80, "protocol": "tcp"}], "networks": {"default": None, "back": {}}}
    assert refused(service) == []


@pytest.mark.parametrize(("service", "key"), [({"scale": 0}, "scale"), ({"deploy": {"replicas": 0}}, "deploy/repli")])
def test_no_copy_is_refused_by_name(service: dict[str, Any], key: str) -> None:
    (problem,) = refused({}, service)
    assert problem.startswith(f"api-green has {key}")
    assert problem.endswith("Write 1 or more")
    (of_bot,) = refused({}, bot=service)
    assert of_bot.startswith("bot has ")


def test_singleton_with_copies_is_refused() -> None:
    (problem,) = refused({}, bot={"deploy": {"replicas": 3}})
    assert problem.startswith("bot has deploy/replicas 3, but a singleton must never run twice. Write 1, or make it")
    assert "followers" in problem


def test_colors_with_other_numbers_are_a_warning() -> None:
    (warning,) = uneven(model({"scale": 3}, {}), STACK)
    assert warning.startswith("api-blue has 3 copies and api-green has 1 copy: ")
    assert list(uneven(model({"scale": 3}), STACK)) == []


def test_service_that_no_rollout_moves_is_not_judged() -> None:
    assert refused({}, redis={"scale": 0, "container_name": "redis"}) == []
    assert list(wrong_numbers({}, STACK)) == list(uneven({}, STACK)) == []
    assert set(STACK.routed[1].colors) == set(Color)
