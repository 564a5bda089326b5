"""Routers that Traefik has from other providers than the watched files."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.findings import Verdict
from app.domain.routing.routes import CATCH_ALL, EntryPoint
from app.domain.stack import Color
from tests.examples import a_release
from tests.fakes.world import World
from workers.adoption.conflicts import conflicts
from workers.inspect import traefik
from workers.rollout.steps import preflight


def loaded(*routers: dict[str, Any], url: str = "http://10.0.0.9:80") -> dict[str, Any]:
    """As `/api/rawdata` lists the routers of a container's labels."""
    plain = {"entryPoints": ["web"], "service": "mail", "rule": CATCH_ALL, "priority": 15, "status": "enabled"}
    return {
        "routers": {f"mail{n}@docker": {**plain, **each} for n, each in enumerate(routers)},
        "services": {"mail@docker": {"loadBalancer": {"servers": [{"url": url}]}, "status": "enabled"}},
    }


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        ({}, 1),
        ({"rule": "(PATHPREFIX(`/`))", "priority": 17}, 1),
        ({"priority": 99}, 1),
        ({"priority": 14}, 0),
        ({"entryPoints": ["other"]}, 0),
        ({"rule": "Host(`mail.example.org`)", "priority": 24}, 0),
        ({"tls": {}}, 0),
        ({"status": "disabled"}, 0),
    ],
)
async def test_router_of_labels_with_the_same_requests_is_a_conflict(
    world: World, router: dict[str, Any], expected: int
) -> None:
    world.route.in_traefik = loaded(router)
    found = await conflicts(world.stack, world.ports)
    assert len(found) == expected
    assert all("router mail0@docker in Traefik takes the same requests as routed/skills" in line for line in found)
    assert await preflight.problems(world.stack, world.ports, world.ports.room()) == found


async def test_labels_that_lead_to_the_stack_itself_are_a_conflict(world: World) -> None:
    world.route.in_traefik = loaded({}, url="http://skills-blue:8080")
    (line,) = await conflicts(world.stack, world.ports)
    assert line.endswith("stays there after a flip: remove it, such as the labels of its container")


@pytest.mark.parametrize(("tls", "expected"), [({}, 1), (None, 0)])
async def test_tls_of_a_router_is_what_traefik_says(world: World, tls: dict[str, Any] | None, expected: int) -> None:
    """The worker reaches the entrypoint by https, and the stack's own route leaves its TLS to the entrypoint."""
    points = {name: EntryPoint("https://traefik:443") for name in world.stack.traefik.entrypoints}
    stack = replace(world.stack, traefik=replace(world.stack.traefik, entrypoints=points))
    world.route.in_traefik = loaded({"tls": tls} if tls is not None else {})
    assert len(await conflicts(stack, world.ports)) == expected


async def test_redirect_of_a_whole_entrypoint_is_named_as_traefiks_own(world: World) -> None:
    redirect = {"entryPoints": ["web"], "service": "noop@internal", "rule": "HostRegexp(`^.+$`)", "priority": 2**31}
    world.route.in_traefik = {"routers": {"web-to-websecure@internal": {**redirect, "status": "enabled"}}}
    (line,) = await conflicts(world.stack, world.ports)
    assert line.startswith("router web-to-websecure@internal in Traefik takes the same requests as routed/skills ")
    assert line.endswith("name another entrypoint for the route")


async def test_pages_of_traefik_itself_are_no_conflict(world: World) -> None:
    rules = {"ping": "PathPrefix(`/ping`)", "acme-http": "PathPrefix(`/.well-known/acme-challenge/`)"}
    plain = {"entryPoints": ["web"], "priority": 2**62, "status": "enabled"}
    world.route.in_traefik = {
        "routers": {f"{n}@internal": {**plain, "rule": rule, "service": f"{n}@internal"} for n, rule in rules.items()}
    }
    assert await conflicts(world.stack, world.ports) == []


async def test_routers_of_the_watched_files_are_judged_once(world: World) -> None:
    """Traefik also lists the updater's own, and those of the file beside it."""
    world.route._foreign["mail.yml"] = (
        "http: {routers: {mail: {rule: PathPrefix(`/`), service: s}},"
        " services: {s: {loadBalancer: {servers: [{url: 'http://10.0.0.9'}]}}}}"
    )
    plain = {"entryPoints": ["web"], "service": "mail@docker", "rule": CATCH_ALL, "status": "enabled"}
    names = ("mail@file", "web-mail@file", "updater.shop.skills.1@file")
    world.route.in_traefik = {**loaded(), "routers": dict.fromkeys(names, plain)}
    (line,) = await conflicts(world.stack, world.ports)
    assert line.startswith("router mail in mail.yml")


async def test_unreadable_api_is_only_a_warning(world: World) -> None:
    world.route.unreadable_api = True
    assert await conflicts(world.stack, world.ports) == []
    stack = replace(world.stack, traefik=replace(world.stack.traefik, api="http://traefik:8080"))
    (check,) = await traefik.api(stack, world.ports)
    assert (check.name, check.status) == ("traefik_api", Verdict.WARNING)
    assert await traefik.api(world.stack, world.ports) == []


async def test_conflict_refuses_the_release_before_a_build(world: World) -> None:
    world.route.in_traefik = loaded({})
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().reconcile()
    ended, _ = world.publisher.results[-1]
    assert (ended.reason_code, world.effects, world.route.served()[0]) == ("preflight_refused", [], Color.BLUE)
    assert "mail0@docker" in str(ended.error)
