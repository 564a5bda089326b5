"""Routers of other stacks that take the requests of this one."""

from dataclasses import replace

import pytest

from app.domain.routing.routes import ClientRoute, EntryPoint
from app.domain.stack import Color
from tests.examples import a_routed, a_stack
from tests.fakes.world import World
from workers.adoption.conflicts import conflicts
from workers.rollout.steps import preflight

MAIL = """
http:
  routers:
    mail: {{rule: "{rule}", entryPoints: [{at}], service: mail{more}}}
  services:
    mail: {{loadBalancer: {{servers: [{{url: "http://mail-blue-1:80"}}]}}}}
"""


@pytest.mark.parametrize(
    ("rule", "at", "more", "taken"),
    [
        ("PathPrefix(`/`)", "web", "", ["skills"]),
        ("PathPrefix( `/` )", "web", "", ["skills"]),
        ("(PATHPREFIX(`/`))", "web", "", ["skills"]),
        ("PathPrefix(`/`)", "web, api", ", priority: 99", ["skills", "api"]),
        ("PathPrefix(`/`)", "web", ", priority: 1", []),
        ("PathPrefix(`/`)", "api", "", []),
        ("Host(`mail.example.org`)", "web", "", []),
    ],
)
async def test_router_with_the_same_requests_is_a_conflict(
    world: World, rule: str, at: str, more: str, taken: list[str]
) -> None:
    world.route._foreign["updater-mail.yml"] = MAIL.format(rule=rule, at=at, more=more)
    found = await conflicts(world.stack, world.ports)
    starts = [f"router mail in updater-mail.yml takes the same requests as routed/{name} " for name in taken]
    assert [line[: len(start)] for line, start in zip(found, starts, strict=True)] == starts


async def test_own_routers_in_another_file_are_no_conflict(world: World) -> None:
    world.route.place_foreign(Color.BLUE, name="old.yml", keep_own=True)
    assert await conflicts(world.stack, world.ports) == []


async def test_conflict_is_a_problem_of_the_preflight(world: World) -> None:
    world.route._foreign["updater-mail.yml"] = MAIL.format(rule="PathPrefix(`/`)", at="web", more="")
    (problem,) = await preflight.problems(world.stack, world.ports, world.ports.room())
    assert problem.endswith("give each its own rule, such as its own host")


async def test_required_client_certificate_is_a_problem_of_the_preflight() -> None:
    route = ClientRoute("web", "Host(`shop.example.org`)", {"options": "strict"})
    world = World(a_stack(routed=(a_routed("skills", 8080, "/health", route),)))
    await world.live("v1.0.0")
    world.route._foreign["tls.yml"] = "tls: {options: {strict: {clientAuth: {clientAuthType: RequireAnyClientCert}}}}"
    (problem,) = await preflight.problems(world.stack, world.ports, world.ports.room())
    assert "tls/options/strict in tls.yml" in problem


SHOP = "Host(`shop.example.org`)"


def shop_with(rule: str, *, tls: bool = True, priority: int = 0, url: str = "https://traefik:443") -> World:
    """A stack whose only route is at the entrypoint `web`, which the worker reaches at `url`."""
    route = ClientRoute("web", rule, {} if tls else None, priority=priority)
    stack = a_stack(routed=(a_routed("skills", 8080, "/health", route),))
    return World(replace(stack, traefik=replace(stack.traefik, entrypoints={"web": EntryPoint(url)})))


@pytest.mark.parametrize(
    ("rule", "priority"),
    [
        (f"{SHOP} && PathPrefix(`/`)", 0),
        (f"{SHOP} || Host(`www.example.org`)", 0),
        ("PathPrefix(`/`)", 1000),
        ("HostRegexp(`.+`)", 1000),
        ("Host(`*.example.org`) && PathPrefix(`/`)", 0),
    ],
)
async def test_route_that_takes_all_of_another_stack_is_a_conflict(rule: str, priority: int) -> None:
    world = shop_with(rule, priority=priority)
    world.route._foreign["mail.yml"] = MAIL.format(rule=SHOP, at="web", more=", tls: {}")
    (found,) = await conflicts(world.stack, world.ports)
    assert found.startswith(f"routed/skills (`{rule}` at web) would take all requests of router mail in mail.yml")


@pytest.mark.parametrize(
    ("ours", "theirs", "more"),
    [
        (f"{SHOP} && PathPrefix(`/api`)", SHOP, ""),
        (SHOP, "PathPrefix(`/`)", ""),
        (f"{SHOP} && PathPrefix(`/`)", SHOP, ", priority: 1"),
        ("Host(`www.example.org`)", "Host(`*.example.org`)", ""),
        (f"{SHOP} && PathPrefix(`/`)", f"{SHOP} && PathRegexp(`^/v[0-9]`)", ""),
        (SHOP, f"{SHOP} && ClientIP(`10.0.0.0/8`)", ", priority: 99"),
        (SHOP, f"{SHOP} && PathPrefix(`/api`)", ""),
        (f"{SHOP} || Host(`www.example.org`)", "Host(`www.example.org`)", ", priority: 99"),
    ],
)
async def test_router_that_keeps_requests_is_no_conflict(ours: str, theirs: str, more: str) -> None:
    world = shop_with(ours)
    world.route._foreign["mail.yml"] = MAIL.format(rule=theirs, at="web", more=f"{more}, tls: {{}}")
    assert await conflicts(world.stack, world.ports) == []


async def test_route_that_was_put_before_its_maintenance_page_is_no_conflict() -> None:
    world = shop_with(SHOP, priority=99)
    world.route._foreign["mail.yml"] = MAIL.format(rule=SHOP, at="web", more=", tls: {}")
    assert await conflicts(world.stack, world.ports) == []


@pytest.mark.parametrize("rule", ["PathPrefix(`/`)", f"{SHOP} && PathPrefix(`/`)", "HostRegexp(`example`)"])
async def test_router_that_takes_all_of_a_route_is_a_conflict(rule: str) -> None:
    world = shop_with(SHOP)
    world.route._foreign["mail.yml"] = MAIL.format(rule=rule, at="web", more=", priority: 99, tls: {}")
    (found,) = await conflicts(world.stack, world.ports)
    assert found.startswith(f"router mail in mail.yml takes the same requests as routed/skills (`{SHOP}` at web)")


@pytest.mark.parametrize(("ours", "theirs"), [(False, ", tls: {}"), (True, ""), (False, "")])
async def test_entrypoint_with_tls_gives_it_to_every_router(ours: bool, theirs: str) -> None:
    world = shop_with(SHOP, tls=ours)
    world.route._foreign["mail.yml"] = MAIL.format(rule=SHOP, at="web", more=theirs)
    assert len(await conflicts(world.stack, world.ports)) == 1


async def test_router_with_tls_is_apart_on_a_plain_entrypoint() -> None:
    world = shop_with(SHOP, tls=False, url="http://traefik:80")
    world.route._foreign["mail.yml"] = MAIL.format(rule=SHOP, at="web", more=", tls: {}")
    assert await conflicts(world.stack, world.ports) == []
