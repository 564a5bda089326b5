"""Routers of other stacks that take the requests of this one."""

import pytest

from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color
from tests.examples import a_routed, a_stack
from tests.fakes.world import World
from workers.adoption.conflicts import conflicts
from workers.rollout import preflight

MAIL = """
http:
  routers:
    mail: {{rule: "{rule}", entryPoints: [{at}], service: mail{more}}}
  services:
    mail: {{loadBalancer: {{servers: [{{url: "http://mail-blue-1:80"}}]}}}}
"""


@pytest.mark.parametrize(
    ("rule", "at", "more", "expected"),
    [
        ("PathPrefix(`/`)", "web", "", 1),
        ("PathPrefix( `/` )", "web", "", 1),
        ("(PATHPREFIX(`/`))", "web", "", 1),
        ("PathPrefix(`/`)", "web, api", ", priority: 99", 1),
        ("PathPrefix(`/`)", "web", ", priority: 1", 0),
        ("PathPrefix(`/`)", "api", "", 0),
        ("Host(`mail.example.org`)", "web", "", 0),
    ],
)
async def test_router_with_the_same_requests_is_a_conflict(
    world: World, rule: str, at: str, more: str, expected: int
) -> None:
    world.route._foreign["updater-mail.yml"] = MAIL.format(rule=rule, at=at, more=more)
    found = await conflicts(world.stack, world.ports)
    assert len(found) == expected
    assert all("router mail in updater-mail.yml takes the same requests as routed/skills" in line for line in found)


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
