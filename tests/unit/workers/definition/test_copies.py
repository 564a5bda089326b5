"""How many copies a service has, and which of its options refuse them."""

from typing import Any

import pytest

from app.domain.stack import Color, Follower
from tests.examples import a_stack
from workers.definition.copies import copies_of, uncopyable, uneven, with_copies

STACK = a_stack()
FOLLOWED = a_stack(followers=(Follower("queue", "worker"),))


def model(blue: dict[str, Any], green: dict[str, Any] | None = None, **services: dict[str, Any]) -> dict[str, Any]:
    own = {"api-blue": blue, "api-green": blue if green is None else green}
    return {"services": {"skills-blue": {}, "skills-green": {}, "bot": {}, **own, **services}}


def refused(blue: dict[str, Any], green: dict[str, Any] | None = None, **services: dict[str, Any]) -> list[str]:
    return list(uncopyable(model(blue, green, **services), STACK))


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


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ({"container_name": "api"}, "the container_name api"),
        ({"ports": [{"target": 80, "published": "8080", "protocol": "tcp"}]}, "port 8080 of the host (tcp)"),
        ({"networks": {"back": {"ipv4_address": "172.20.0.5"}}}, "the address 172.20.0.5 in back"),
        ({"networks": {"back": {"ipv6_address": "fd00::5"}}}, "the address fd00::5 in back"),
    ],
)
def test_what_only_one_container_can_have_is_refused(option: dict[str, Any], what: str) -> None:
    (of_both,) = refused(option)
    assert of_both.startswith(f"api-blue and api-green have {what}, and they run at once during a rollout")
    assert ". Remove " in of_both
    (of_one,) = refused({**option, "scale": 3}, {})
    assert of_one.startswith(f"all 3 copies of api-blue would have {what}, which only one container can have. Remove")
    assert refused(option, {}) == []


def published(port: str, **more: str) -> dict[str, Any]:
    return {"ports": [{"target": 80, "published": port, "protocol": "tcp", **more}]}


def test_ports_of_a_range_are_enough_for_so_many_containers() -> None:
    assert refused(published("8000-8005") | {"scale": 3}) == []
    (problem,) = refused(published("8000-8004") | {"scale": 3})
    assert "which only 5 containers can have" in problem


def test_ports_of_other_addresses_and_protocols_do_not_meet() -> None:
    assert refused(published("80", host_ip="127.0.0.1"), published("80", host_ip="127.0.0.2")) == []
    assert refused(published("80", protocol="udp"), published("80")) == []
    assert len(refused(published("80", host_ip="127.0.0.1"), published("80", host_ip="0.0.0.0"))) == 1
    assert len(refused(published("80"), {}, **{"skills-green": published("80")})) == 1


def test_colors_with_other_numbers_are_a_warning() -> None:
    (warning,) = uneven(model({"scale": 3}, {}), STACK)
    assert warning.startswith("api-blue has 3 copies and api-green has 1 copy: ")
    assert list(uneven(model({"scale": 3}), STACK)) == []


def test_service_that_no_rollout_moves_is_not_judged() -> None:
    assert refused({}, redis={"scale": 0, "container_name": "redis"}) == []
    assert list(uncopyable({}, STACK)) == list(uneven({}, STACK)) == []
    assert set(STACK.routed[1].colors) == set(Color)


@pytest.mark.parametrize(
    ("only_once", "what"),
    [
        ({"ports": [{"target": 80, "published": "8080"}]}, "port 8080 of the host (tcp)"),
        ({"networks": {"inner": {"ipv4_address": "10.0.0.9"}}}, "the address 10.0.0.9 in inner"),
        ({"mac_address": "02:42:ac:11:00:02"}, "the address 02:42:ac:11:00:02"),
        ({"ports": [{"target": 80, "published": "9000-9004"}], "scale": 3}, "port 9000-9004 of the host (tcp)"),
    ],
)
def test_follower_that_cannot_run_twice_is_refused(only_once: dict[str, Any], what: str) -> None:
    (problem,) = uncopyable(model({}, worker=only_once), FOLLOWED)
    assert problem.startswith(f"worker has {what}, which only ")
    assert problem.endswith("or write worker below `singletons` in the stack file")
    assert refused({}, worker=only_once) == []


@pytest.mark.parametrize(
    "service",
    [
        {"ports": [{"target": 80}, {"target": 81, "published": "9000-9010"}, {"target": 82, "published": "0"}]},
        {"networks": {"default": None}, "network_mode": "host", "deploy": {"replicas": 3}, "container_name": "queue"},
    ],
)
def test_follower_that_can_run_twice_is_not_refused(service: dict[str, Any]) -> None:
    assert list(uncopyable(model({}, worker=service), FOLLOWED)) == []
