"""Options whose file or image is not kept with a release."""

from typing import Any

import pytest

from app.domain.stack import BOTH
from workers.definition.refusals.unkept import unkept

DIGEST = "sha256:" + "0" * 64


def refused(service: dict[str, Any], moved: tuple[str, ...] = ("web-blue",)) -> list[str]:
    return list(unkept({"services": {"web-blue": service}}, dict.fromkeys(moved, "blue")))


@pytest.mark.parametrize("option", ["seccomp:./seccomp.json", "seccomp=profiles/web.json", " seccomp:web.json"])
def test_seccomp_profile_of_the_stack_is_refused(option: str) -> None:
    (problem,) = refused({"security_opt": ["no-new-privileges:true", option]})
    assert problem.startswith(f"web-blue: security_opt has {option}, ")
    assert "absolute path" in problem


@pytest.mark.parametrize(
    "option",
    ["seccomp=unconfined", "seccomp:builtin", "seccomp=/etc/docker/web.json", "apparmor=web", "label:disable"],
)
def test_option_without_a_file_of_the_stack_is_accepted(option: str) -> None:
    assert refused({"security_opt": [option]}) == []


@pytest.mark.parametrize(("source", "refusals"), [("assets:1", 1), (f"team/assets@{DIGEST}", 0)])
def test_mounted_image_needs_a_digest(source: str, refusals: int) -> None:
    problems = refused({"volumes": [{"type": "image", "source": source, "target": "/assets"}]})
    assert len(problems) == refusals
    assert all("volumes has the image assets:1" in problem for problem in problems)


def test_ssh_agent_of_a_build_is_refused() -> None:
    (problem,) = refused({"build": {"context": ".", "ssh": ["default"]}})
    assert problem.startswith("web-blue: build/ssh needs an SSH agent, and the updater has none. ")
    assert "build/secrets" in problem
    assert refused({"build": {"context": ".", "ssh": ["default"]}}, moved=()) == []
    assert refused({"build": {"context": "."}}) == refused({"build": None}) == []


def test_other_mounts_and_services_are_not_judged() -> None:
    assert (
        refused({"volumes": [{"type": "bind", "source": "/a", "target": "/a"}, {"type": "volume", "source": "b"}]})
        == []
    )
    assert refused({"security_opt": ["seccomp:./a.json"]}, moved=()) == []


@pytest.mark.parametrize("hook", ["pre_start", "post_start", "pre_stop"])
def test_hook_of_compose_is_refused(hook: str) -> None:
    (problem,) = refused({hook: [{"command": ["./warm-up.sh"]}]})
    assert problem.startswith(f"web-blue: {hook} would not run each time")
    assert refused({hook: []}) == []


@pytest.mark.parametrize("part", ["secrets", "configs"])
@pytest.mark.parametrize("source", ["content", "environment"])
def test_file_to_copy_into_a_read_only_container_is_refused(part: str, source: str) -> None:
    service: dict[str, Any] = {"read_only": True, part: [{"source": "token"}, {"source": "key"}]}
    model = {"services": {"web-blue": service}, part: {"token": {source: "x"}, "key": {"file": "/key"}}}
    (problem,) = unkept(model, {"web-blue": "blue"})
    assert problem.startswith(f"web-blue: {part}/token has `{source}:`, and it cannot be copied")
    service |= {"read_only": False, "build": {"secrets": [{"source": "token"}]}}
    assert list(unkept(model, {"web-blue": "blue"})) == []
    service |= {"read_only": True, part: []}
    assert list(unkept(model, {"web-blue": "blue"})) == [], "a build reads its own secrets"


@pytest.mark.parametrize("option", [{"use_api_socket": True}, {"models": {"llm": None}}])
def test_what_is_only_the_workers_or_the_machines_is_refused(option: dict[str, Any]) -> None:
    (key,) = option
    (problem,) = refused(option)
    assert problem.startswith(f"web-blue: {key} ")


def test_provider_that_nobody_runs_is_refused() -> None:
    services = {"bot": {"depends_on": {"db": {}, "cache": {}}}, "db": {"provider": {"type": "cloud"}}, "cache": {}}
    (problem,) = unkept({"services": services}, {"bot": None})
    assert problem.startswith("bot: depends_on has db, whose provider")


MOVED = {"web-blue": "blue", "web-green": "green", "sidecar-blue": "blue", "bot": None, "helper": None}


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("bot", {"volumes_from": ["web-blue:ro"]}),
        ("bot", {"volumes_from": ["helper"]}),
        ("helper", {"network_mode": "service:bot"}),
        ("web-green", {"ipc": "service:web-blue"}),
        ("web-blue", {"pid": "service:bot"}),
        ("exporter", {"network_mode": "service:bot"}),
        ("exporter", {"volumes_from": ["web-blue"]}),
        ("exporter", {"pid": "container:shop-bot"}),
        ("helper", {"volumes_from": ["container:shop-bot:ro"]}),
        ("exporter", {"links": ["bot:robot"]}),
        ("web-blue", {"links": ["bot:robot"]}),
    ],
)
def test_part_of_a_container_that_is_replaced_at_another_time_is_refused(name: str, option: dict[str, Any]) -> None:
    """Also if no rollout moves the service that takes it: it would lose its network, for example."""
    (problem,) = unkept({"services": {"bot": {"container_name": "shop-bot"}, name: option}}, MOVED)
    assert problem.startswith(f"{name}: {next(iter(option))} has ")


def test_services_that_become_both_colors_may_share() -> None:
    """Each color gets a part of the same color."""
    services = {"web": {}, "side": {"network_mode": "service:web"}, "api-blue": {"pid": "service:web"}}
    (problem,) = unkept({"services": services}, {"web": BOTH, "side": BOTH, "api-blue": "blue"})
    assert problem.startswith("api-blue: pid has service:web, which the updater replaces at another time")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("bot", {"network_mode": "service:vpn", "volumes_from": ["data:ro", "container:store"]}),
        ("sidecar-blue", {"network_mode": "service:web-blue", "volumes_from": ["web-blue"]}),
        ("bot", {"network_mode": "host", "pid": "host"}),
        ("exporter", {"network_mode": "service:vpn", "links": ["vpn:way", "bot", "bot:bot"]}),
        ("debug", {"profiles": ["debug"], "network_mode": "service:web-blue"}),
    ],
)
def test_part_of_a_container_that_stays_or_starts_with_it_is_accepted(name: str, option: dict[str, Any]) -> None:
    assert list(unkept({"services": {name: option}}, MOVED)) == []


@pytest.mark.parametrize(("link", "refusals"), [("shop-bot:bot", 1), ("shop-bot", 1), ("other-bot:bot", 0)])
def test_link_to_a_container_that_is_replaced_is_refused(link: str, refusals: int) -> None:
    services = {"bot": {"container_name": "shop-bot"}, "db": {"external_links": [link]}}
    problems = list(unkept({"services": services}, {"bot": None}))
    assert len(problems) == refusals
    assert all("Connect to bot instead" in problem for problem in problems)
    assert list(unkept({"services": services}, {"bot": BOTH})) == [], "`with_colors` leaves it out, with a warning"
