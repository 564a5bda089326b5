"""A release that Traefik would not reach is refused before anything is built."""

import pytest

from app.domain.rollout import Rollout, RolloutStatus
from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color
from tests.examples import a_release, a_routed, a_stack
from tests.fakes.world import World
from workers.control.operator import Operator
from workers.inspect.plan import plan
from workers.inspect.rollback_plan import rollback_plan

WHY = "traefik would not find it"


@pytest.fixture
async def world() -> World:
    """v1.0.0 is live on blue. Traefik would not reach skills of v1.1.0."""
    world = World()
    await world.live("v1.0.0")
    world.engine.apart = {"v1.1.0": {f"skills-{color}": f"{WHY} on {color}" for color in Color}}
    return world


async def roll_out(world: World, *, force: bool = False) -> Rollout:
    world.inbox.put(a_release(force=force))
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


async def test_release_out_of_traefiks_reach_is_refused_before_its_build(world: World) -> None:
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "preflight_refused")
    assert str(ended.error).endswith(f"{WHY} on green")
    assert world.effects == []


async def test_forced_release_out_of_reach_warns(world: World) -> None:
    ended = await roll_out(world, force=True)
    assert f"{WHY} on green. Forced, so the release went on." in ended.warnings


async def test_plan_says_that_traefik_would_not_reach_it(world: World) -> None:
    planned = await plan(world.stack, world.ports, "v1.1.0")
    assert (planned.would_start, planned.blocked_by) == (False, (f"{WHY} on green",))


async def test_traefik_that_reaches_the_live_color_without_a_network_is_believed(world: World) -> None:
    world.engine.apart = {}
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS
    apart = {f"{name}-{color}": WHY for name in ("skills", "api") for color in Color}
    world.engine.apart = {"v1.1.0": apart, "v1.2.0": apart}
    assert (await plan(world.stack, world.ports, "v1.2.0")).would_start
    world.engine.apart = {"v1.2.0": apart}
    assert not (await plan(world.stack, world.ports, "v1.2.0")).would_start, "the live color is in Traefik's network"


async def test_password_is_no_proof_that_traefik_reaches_the_live_color() -> None:
    route = ClientRoute("web", middlewares=("auth@file",))
    world = World(stack=a_stack(routed=(a_routed("skills", 8080, "/health", route),)))
    await world.live("v0.9.0")
    world.probe.guarded = {"skills"}
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS
    apart = {f"skills-{color}": WHY for color in Color}
    world.engine.apart = {"v1.1.0": apart, "v1.2.0": apart}
    assert (await plan(world.stack, world.ports, "v1.2.0")).blocked_by == (WHY,)
    world.probe.guarded = set()
    assert (await plan(world.stack, world.ports, "v1.2.0")).would_start


async def test_rollback_out_of_reach_is_refused(world: World) -> None:
    world.engine.apart = {}
    for tag in ("v1.1.0", "v1.2.0"):
        world.inbox.put(a_release(tag))
        await world.worker().reconcile()
    world.engine.apart = {"v1.1.0": {f"api-{color}": WHY for color in Color}}
    assert (await rollback_plan(world.stack, world.ports, None)).blocked_by == (WHY,)
    worker = world.worker()
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    ended = world.publisher.results[-1][0]
    assert (ended.reason_code, world.state.active_color) == ("preflight_refused", Color.BLUE)
