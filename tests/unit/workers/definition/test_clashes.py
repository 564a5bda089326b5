"""What two services that run at once cannot both have is refused before the build."""

from typing import Any

import pytest

from app.domain.stack import Color
from workers.definition.clashes import clashes

BLUE, GREEN = Color.BLUE, Color.GREEN
MOVED = {"web-blue": BLUE, "web-green": GREEN, "api-blue": BLUE, "api-green": GREEN, "bot": None, "cron": None}


def found(**services: dict[str, Any]) -> list[str]:
    named = {name.replace("_", "-"): each for name, each in services.items()}
    return clashes({"services": named}, {name: color for name, color in MOVED.items() if name in named})


def port(published: str, **more: Any) -> dict[str, Any]:
    return {"ports": [{"mode": "ingress", "target": 80, "published": published, "protocol": "tcp", **more}]}


def at(**options: Any) -> dict[str, Any]:
    return {"networks": {"default": options}}


CLASHING = {
    "name": ({"container_name": "web"}, {"container_name": "web"}, "the same container_name web"),
    "port": (port("8080"), port("8080"), "the same host port 8080/tcp"),
    "range": (port("8080-8090"), port("8085"), "the same host port 8080-8090/tcp"),
    "address": (port("80"), port("80", host_ip="127.0.0.1"), "the same host port 80/tcp"),
    "all of a family": (port("80", host_ip="0.0.0.0"), port("80", host_ip="10.0.0.1"), "host port 0.0.0.0:80/tcp"),
    "ipv4": (at(ipv4_address="10.0.0.5"), at(ipv4_address="10.0.0.5"), "ipv4_address 10.0.0.5 in networks/default"),
    "ipv6": (at(ipv6_address="FD::5"), at(ipv6_address="fd::5"), "ipv6_address fd::5"),
    "mac": (at(mac_address="02:42:ac:11:65:43"), at(mac_address="02:42:AC:11:65:43"), "the same mac_address"),
    "own mac": (
        {"mac_address": "02:42:ac:11:65:43", **at()},
        at(mac_address="02:42:ac:11:65:43"),
        "the same mac_address",
    ),
}


@pytest.mark.parametrize("other", ["web_green", "api_blue", "proxy"])
@pytest.mark.parametrize("kind", CLASHING)
def test_two_that_run_at_once_are_refused(kind: str, other: str) -> None:
    """Both colors, colors of two services, and a color beside what no rollout moves."""
    one, second, text = CLASHING[kind]
    (problem,) = found(web_blue=one, **{other: second})
    assert f"web-blue and {other.replace('_', '-')}" in problem
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
    assert "both colors would listen at the same port" in problem
    assert found(web_blue=vpn, web_green={"network_mode": "service:vpn2"}, vpn={}, vpn2={}) == []


@pytest.mark.parametrize("mode", ["replicated-job", "global-job"])
def test_a_job_is_nothing_that_keeps_running(mode: str) -> None:
    (problem,) = found(bot={"deploy": {"mode": mode}})
    assert "before_flip" in problem


@pytest.mark.parametrize("service", [{"scale": 0}, {"deploy": {"replicas": 0}}])
def test_no_copy_is_refused(service: dict[str, Any]) -> None:
    (problem,) = found(bot=service)
    assert "nothing would run" in problem
    assert found(bot={"scale": 1, "deploy": {"mode": "global"}}) == [], "one on one host"
