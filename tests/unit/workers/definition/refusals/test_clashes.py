"""What containers that run at once cannot all have is refused before the build."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.routing.routes import ClientRoute
from app.domain.stack import BeforeFlip, Follower, Singleton, Stack, made_colors
from tests.examples import a_routed, a_stack
from workers.definition.refusals.clashes import clashes

WEB, API = (a_routed(name, 8000, "/health", ClientRoute("web")) for name in ("web", "api"))
STACK = a_stack(routed=(WEB, API), singletons=(Singleton("bot", "bot"), Singleton("cron", "cron")))
FOLLOWED = replace(STACK, followers=(Follower("queue", "worker"),))
MADE = replace(STACK, routed=(replace(WEB, colors=made_colors("web"), made_from="web"), API))


def found(**services: dict[str, Any]) -> list[str]:
    return found_in(STACK, services)


def found_in(stack: Stack, services: dict[str, dict[str, Any]]) -> list[str]:
    return clashes({"services": {name.replace("_", "-"): each for name, each in services.items()}}, stack)


def port(published: str, **more: Any) -> dict[str, Any]:
    return {"ports": [{"mode": "ingress", "target": 80, "published": published, "protocol": "tcp", **more}]}


def at(**options: Any) -> dict[str, Any]:
    return {"networks": {"default": options}}


CLASHING = {
    "name": ({"container_name": "web"}, {"container_name": "web"}, "the container_name web"),
    "port": (port("8080"), port("8080"), "port 8080 of the host (tcp)"),
    "range": (port("8080-8090"), port("8085"), "port 8085 of the host (tcp)"),
    "address": (port("80"), port("80", host_ip="127.0.0.1"), "port 80 of the host (tcp)"),
    "all of a family": (
        port("80", host_ip="0.0.0.0"),
        port("80", host_ip="10.0.0.1"),
        "port 0.0.0.0:80 of the host (tcp)",
    ),
    "ipv4": (at(ipv4_address="10.0.0.5"), at(ipv4_address="10.0.0.5"), "the ipv4 address 10.0.0.5 in default"),
    "ipv6": (at(ipv6_address="FD::5"), at(ipv6_address="fd::5"), "the ipv6 address fd::5 in default"),
    "mac": (
        at(mac_address="02:42:ac:11:65:43"),
        at(mac_address="02:42:AC:11:65:43"),
        "the mac address 02:42:ac:11:65:43 in default",
    ),
    "own mac": (
        {"mac_address": "02:42:ac:11:65:43", **at()},
        at(mac_address="02:42:ac:11:65:43"),
        "the mac address 02:42:ac:11:65:43 in default",
    ),
}


@pytest.mark.parametrize("other", ["web_green", "api_blue", "proxy"])
@pytest.mark.parametrize("kind", CLASHING)
def test_two_that_run_at_once_are_refused(kind: str, other: str) -> None:
    """Both colors, colors of two services, and a color beside what no rollout moves."""
    one, second, text = CLASHING[kind]
    (problem,) = found(web_blue=one, **{other: second})
    assert {"web-blue", other.replace("_", "-")} <= set(problem.partition(" have ")[0].split(" and "))
    assert text in problem
    assert problem.rpartition(". ")[2].startswith(("Give each its own", "Remove"))


APART = {
    "another port": (port("8080"), port("8081")),
    "another protocol": (port("53"), port("53", protocol="udp")),
    "another address": (port("80", host_ip="127.0.0.1"), port("80", host_ip="10.0.0.1")),
    "another family": (port("80", host_ip="0.0.0.0"), port("80", host_ip="::1")),
    "any port": ({"ports": [{"target": 80}]}, {"ports": [{"target": 80}]}),
    "a port that Docker chooses": (port("0"), port("0")),
    "a range for both": (port("8080-8090"), port("8080-8090")),
    "another name": ({"container_name": "web-blue"}, {"container_name": "web-green"}),
    "another network": (at(ipv4_address="10.0.0.5"), {"networks": {"back": {"ipv4_address": "10.0.0.5"}}}),
    "no options": ({"networks": {"default": None}}, {"networks": {"default": None}}),
}


@pytest.mark.parametrize("kind", APART)
def test_two_that_fit_are_accepted(kind: str) -> None:
    one, second = APART[kind]
    assert found(web_blue=one, web_green=second) == []


def test_a_service_that_sleeps_in_its_profile_does_not_count() -> None:
    assert found(web_blue=port("80"), tool={**port("80"), "profiles": ["tools"]}) == []
    assert len(found(web_blue=port("80"), web_green={**port("80"), "profiles": ["green"]})) == 1, "it runs in a rollout"


def test_what_no_rollout_moves_is_the_operators() -> None:
    assert found(db=port("5432"), cache=port("5432"), web_blue={}) == []


def test_singletons_have_no_fixed_name() -> None:
    assert found(bot={"container_name": "b"}, cron={"container_name": "b"}) == []
    assert found(bot={"container_name": "b"}, web_blue={"container_name": "b"}) == []
    assert len(found(bot=port("80"), cron=port("80"))) == 1
    for other in ("cron", "db", "web_blue"):
        assert len(found(bot=at(ipv4_address="10.0.0.5"), **{other: at(ipv4_address="10.0.0.5")})) == 1


@pytest.mark.parametrize("mode", ["host", "none"])
def test_a_color_has_a_network(mode: str) -> None:
    problems = found(web_blue={"network_mode": mode}, web_green={"network_mode": mode}, bot={"network_mode": mode})
    assert [problem.partition(":")[0] for problem in problems] == ["web-blue", "web-green"]
    assert all("Remove it" in problem for problem in problems)


def test_colors_in_one_namespace_are_refused() -> None:
    vpn = {"network_mode": "service:vpn"}
    (problem,) = found(web_blue=vpn, web_green=vpn, vpn={})
    assert "both would listen at port 8000 of one address" in problem
    assert found(web_blue=vpn, web_green={"network_mode": "service:vpn2"}, vpn={}, vpn2={}) == []


@pytest.mark.parametrize("mode", ["replicated-job", "global-job"])
def test_a_job_is_nothing_that_keeps_running(mode: str) -> None:
    (problem,) = found(bot={"deploy": {"mode": mode}})
    assert "before_flip" in problem


def test_service_that_both_colors_are_made_from_is_judged_once() -> None:
    (problem,) = found_in(MADE, {"web": {"network_mode": "host"}})
    assert problem.startswith("web: network_mode is host. Both colors would listen at the same port of the host")
    (job,) = found_in(MADE, {"web": {"deploy": {"mode": "replicated-job"}}})
    assert job.startswith("web: deploy/mode is replicated-job")


@pytest.mark.parametrize("mode", ["service:vpn", "container:vpn"])
def test_two_colors_in_one_network_of_interfaces_are_refused(mode: str) -> None:
    (problem,) = found_in(MADE, {"web": {"network_mode": mode}, "vpn": {}})
    assert problem == (
        f"both colors of web have the same network_mode {mode}, so both would listen at port 8000 of one address. "
        "Remove it, so that each color has an address of its own"
    )


def test_what_made_colors_do_not_have_takes_nothing() -> None:
    one = {"container_name": "web", "networks": {"default": {"ipv4_address": "10.0.0.5"}}, **port("80")}
    assert found_in(MADE, {"web": one, "proxy": one}) == []
    side = replace(API, colors=made_colors("side"), made_from="side")
    stack = replace(MADE, routed=(MADE.routed[0], side))
    assert found_in(stack, {"web": {}, "side": {"network_mode": "service:web"}}) == [], (
        "each color is with the same color"
    )


def test_service_with_the_name_of_a_made_color_is_another_matter() -> None:
    """`transform` refuses it."""
    assert found_in(MADE, {"web": port("80"), "web_green": {}}) == []


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ({"container_name": "api"}, "the container_name api"),
        (port("8080"), "port 8080 of the host (tcp)"),
        ({"networks": {"back": {"ipv4_address": "172.20.0.5"}}}, "the ipv4 address 172.20.0.5 in back"),
        ({"networks": {"back": {"ipv6_address": "fd00::5"}}}, "the ipv6 address fd00::5 in back"),
    ],
)
def test_what_only_one_container_can_have_is_refused(option: dict[str, Any], what: str) -> None:
    (of_both,) = found(api_blue=option, api_green=option)
    assert of_both.startswith(f"api-blue and api-green have {what}, and they run at once during a rollout")
    (of_one,) = found(api_blue={**option, "scale": 3}, api_green={})
    assert of_one.startswith(f"all 3 copies of api-blue would have {what}, which only one container can have. Remove")
    (of_all,) = found(api_blue={**option, "scale": 3}, api_green=option)
    assert ". Remove " in of_all, "each its own is no way out for copies"
    assert found(api_blue=option, api_green={}) == []


def test_range_has_a_port_for_each_container() -> None:
    wide, narrow = port("8000-8005") | {"scale": 3}, port("8000-8004") | {"scale": 3}
    assert found(api_blue=wide, api_green=wide) == []
    (problem,) = found(api_blue=narrow, api_green=narrow)
    assert "which only 5 containers can have" in problem
    assert found(api_blue=port("8000-8001"), api_green=port("8001-8002"), web_blue=port("8000-8002")) == []


def test_every_service_at_one_port_is_named_once() -> None:
    (problem,) = found(web_blue=port("80"), web_green=port("80"), proxy=port("80"))
    assert problem.startswith("web-blue, web-green and proxy have port 80 of the host (tcp)")
    assert problem.endswith("Give each its own, or remove ports")


def test_wrong_numbers_are_among_them() -> None:
    assert [each.partition(" has ")[0] for each in found(bot={"scale": 3}, api_blue={"scale": 0})] == [
        "api-blue",
        "bot",
    ]
    assert found(bot={"scale": 1, "deploy": {"mode": "global"}}) == [], "one on one host"
    assert found(bot={"container_name": "b", "scale": 3})[1:] == [], "said once"


@pytest.mark.parametrize(
    ("only_once", "what"),
    [
        ({"ports": [{"target": 80, "published": "8080"}]}, "port 8080 of the host (tcp)"),
        ({"networks": {"inner": {"ipv4_address": "10.0.0.9"}}}, "the ipv4 address 10.0.0.9 in inner"),
        (
            {"mac_address": "02:42:AC:11:00:02", "networks": {"inner": None}},
            "the mac address 02:42:ac:11:00:02 in inner",
        ),
        ({"ports": [{"target": 80, "published": "9000-9004"}], "scale": 3}, "port 9000-9004 of the host (tcp)"),
    ],
)
def test_follower_that_cannot_run_twice_is_refused(only_once: dict[str, Any], what: str) -> None:
    (problem,) = found_in(FOLLOWED, {"worker": only_once})
    assert problem.startswith(f"worker has {what}, which only ")
    assert problem.endswith("or write worker below `singletons` in the stack file")


@pytest.mark.parametrize(
    "service",
    [
        {"ports": [{"target": 80}, {"target": 81, "published": "9000-9010"}, {"target": 82, "published": "0"}]},
        {"networks": {"default": None}, "network_mode": "host", "deploy": {"replicas": 3}, "container_name": "queue"},
    ],
)
def test_follower_that_can_run_twice_is_not_refused(service: dict[str, Any]) -> None:
    assert found_in(FOLLOWED, {"worker": service}) == []


def test_job_runs_only_before_the_flip() -> None:
    """It ends by itself, and its ports are not published."""
    stack = replace(STACK, before_flip=(BeforeFlip("migrate"),))
    job = {**port("8080"), "deploy": {"mode": "replicated-job"}}
    assert found_in(stack, {"migrate": job, "web-blue": port("8080")}) == []


@pytest.mark.parametrize(
    "service",
    [
        {"scale": 3, "ports": [{"target": 80, "protocol": "tcp"}], "networks": {"default": None, "back": {}}},
        {"network_mode": "bridge"},
    ],
    ids=["copies in networks", "bridge"],
)
def test_copies_that_fit_beside_each_other_are_accepted(service: dict[str, Any]) -> None:
    assert found(web_blue=service, web_green=service) == []
    assert found_in(MADE, {"web": service}) == []
