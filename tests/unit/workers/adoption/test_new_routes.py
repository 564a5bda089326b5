"""A service becomes routed that another file has routed until now."""

from dataclasses import replace

import pytest

from app.domain.rollout import RolloutStatus
from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color
from tests.examples import a_release, a_routed, a_stack
from tests.fakes.world import World
from workers.adoption.new_routes import still_led
from workers.rollout.steps import preflight

MAIL = a_routed("mail", 8070, "/", ClientRoute("web", "PathPrefix(`/mail`)"))
FILE = """
http:
  routers:
    post: {entryPoints: [web], rule: "PathPrefix(`/mail`)", service: post%s}
  services:
    post: {loadBalancer: {servers: [{url: "http://%s:8070"}]}}
"""


async def growing(more: str = "", host: str = "mail-blue") -> World:
    """v1.0.0 is live without mail, which runs beside it, and `mail.yml` routes to `host`."""
    world = World(a_stack())
    await world.live("v1.0.0")
    world.restack(replace(world.stack, routed=(*world.stack.routed, MAIL)))
    world.route._foreign["mail.yml"] = FILE % (more, host)
    return world


async def test_router_that_would_win_is_a_problem() -> None:
    world = await growing()
    (problem,) = await still_led(world.stack, world.ports)
    assert problem.startswith("router post in mail.yml leads clients to mail, ")
    assert "Give it `priority: 1`" in problem
    assert problem in await preflight.problems(world.stack, world.ports, world.room)


@pytest.mark.parametrize(("more", "host"), [(", priority: 1", "mail-blue"), ("", "blog")])
async def test_router_that_gives_way_or_leads_elsewhere_is_none(more: str, host: str) -> None:
    world = await growing(more, host)
    assert await still_led(world.stack, world.ports) == []


async def test_file_stays_until_the_flip() -> None:
    """Until then, it is what leads clients to the service."""
    world = await growing(", priority: 1")
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert not [effect for effect in world.effects if effect.startswith("set aside")]
    assert world.state.active_color is Color.BLUE


async def test_nothing_is_asked_of_an_unchanged_stack() -> None:
    world = World(a_stack())
    assert await still_led(world.stack, world.ports) == [], "nothing is live"
    await world.live("v1.0.0")
    world.route._foreign["mail.yml"] = FILE % ("", "skills-green")
    assert await still_led(world.stack, world.ports) == []


async def test_release_is_refused_until_the_router_gives_way() -> None:
    world = await growing()
    world.inbox.put(a_release("v1.1.0"))
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    ended = world.publisher.results[-1][0]
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "preflight_refused")
