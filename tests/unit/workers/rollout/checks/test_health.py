"""The new color's own health path decides its health; the engine's check interval delays nothing."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.domain.rollout import Rollout, RolloutStatus
from app.domain.routing.routes import ClientRoute
from app.domain.step import step_named
from tests.examples import a_release, a_routed, a_stack
from tests.fakes.world import World
from workers.ports import Answer, Instance
from workers.rollout.checks.advice import direct_advice

NEW = a_release("v1.1.0")
RARELY = 30.0
"""Seconds between two checks by the engine, as in the first user's images."""


async def roll_out(world: World) -> Rollout:
    world.inbox.put(NEW)
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


def seconds(rollout: Rollout, *steps: str) -> float:
    return sum(step.seconds or 0 for step in rollout.steps if step.name in steps)


def rarely(world: World, *services: str, **behaviour: Any) -> None:
    for service in services:
        world.engine.behave(service, "v1.1.0", own_interval=RARELY, **behaviour)


async def test_color_is_healthy_before_the_engine_check(world: World) -> None:
    rarely(world, "skills", "api")
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    assert [ended.evidence(step_named(f"health_{name}"))["own_check"] for name in ("skills", "api")] == ["starting"] * 2
    assert seconds(ended, "health_skills", "health_api") < 2


async def test_copies_are_awaited_together(world: World) -> None:
    rarely(world, "skills", "api", ready_after=20)
    ended = await roll_out(world)
    assert 20 < seconds(ended, "health_skills", "health_api") < 22


async def test_copy_passes_soon_after_its_first_answer(world: World) -> None:
    rarely(world, "skills", "api", ready_after=19.9)
    ended = await roll_out(world)
    needed = 19.9 + (world.stack.checks.passes - 1) * world.stack.checks.interval
    assert needed <= seconds(ended, "health_skills", "health_api") < needed + 0.4


async def test_engine_unhealthy_is_never_healthy(world: World) -> None:
    world.engine.behave("api", "v1.1.0", check_passes=False)
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "never_healthy")
    assert "/api/v1/health answered HTTP 200, its own check says unhealthy" in str(ended.error)


async def test_limit_between_two_passes_fails(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=world.stack.times.health - world.stack.checks.interval)
    ended = await roll_out(world)
    assert ended.reason_code == "never_healthy"
    passes, limit = world.stack.checks.passes, world.stack.times.health
    assert f"(passed {passes - 1} of {passes} times in a row, times/health is {limit:g} s)" in str(ended.error)


async def test_outdated_verdict_is_waited_out(world: World) -> None:
    """The engine checked three times too early; its next check is at 40 s."""
    world.engine.behave("api", "v1.1.0", own_interval=10, ready_after=35)
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    assert 40 <= seconds(ended, "health_skills", "health_api") < 42


async def test_unhealthy_color_in_the_bake_rolls_back(world: World) -> None:
    world.engine.behave("api", "v1.1.0", own_interval=2, check_passes=False)
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")


@pytest.mark.parametrize("behaviour", [{"status": 503}, {"dies_after": 0.3}, {"starts": False}])
async def test_no_wait_outlives_its_rollout(world: World, behaviour: dict[str, Any]) -> None:
    world.engine.behave("skills", "v1.1.0", **behaviour)
    world.engine.behave("api", "v1.1.0", ready_after=100)
    assert (await roll_out(world)).status is RolloutStatus.FAILED
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_earlier_engine_loss_interrupts_rollout(world: World) -> None:
    """The loss ends the API's copy while the rollout waits for the skills' copy."""
    world.engine.behave("skills", "v1.1.0", ready_after=5)
    world.engine.behave("api", "v1.1.0", dies_after=2)

    async def lose_engine() -> None:
        while "start api-green v1.1.0" not in world.effects:  # noqa: ASYNC110 - polls a fake
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.5)
        world.engine.times_away += 1
        world.engine.behave("api", "v1.1.0", dies_after=None)

    away = asyncio.create_task(lose_engine())
    ended = await roll_out(world)
    await away
    assert (ended.status, ended.release.attempts) == (RolloutStatus.SUCCESS, 1)


async def test_ended_copy_gets_no_traffic(world: World) -> None:
    world.engine.behave("skills", "v1.1.0", dies_after=3)
    world.engine.behave("api", "v1.1.0", ready_after=5)
    ended = await roll_out(world)
    assert (ended.status, ended.reason_code, ended.failed_step) == (RolloutStatus.FAILED, "never_healthy", "health_api")
    assert "(skills): its container is exited" in str(ended.error)
    assert world.outages == []


async def test_copy_that_may_listen_in_another_network_has_the_key(world: World) -> None:
    service = world.stack.routed[0]
    copy = Instance("c1", "skills-green", "running", address="10.0.0.2", addresses={"a": "10.0.0.2", "b": "10.1.0.2"})
    silent = Answer(0, 0.1, error="no answer (ConnectError)")
    expected = " in the network a. If it listens in b only, set routed/skills/network"
    assert direct_advice(silent, service, copy) == expected
    assert direct_advice(Answer(500, 0.1), service, copy) == ""
    assert direct_advice(silent, service, replace(copy, addresses={"a": "10.0.0.2"})) == ""


async def test_password_in_front_of_a_route_is_a_warning() -> None:
    route = ClientRoute("web", middlewares=("auth@file",))
    world = World(stack=a_stack(routed=(a_routed("skills", 8080, "/health", route),)))
    await world.live("v1.0.0")
    world.probe.guarded = {"skills"}
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    (warning,) = (text for text in ended.warnings if "middleware" in text)
    assert warning.startswith("/health of skills answered HTTP 401 through Traefik, by a middleware of the route: ")
    assert "Set routed/skills/health/headers to what the middleware lets through" in warning


async def test_route_whose_copies_answer_has_no_warning(world: World) -> None:
    ended = await roll_out(world)
    assert (ended.status, ended.warnings) == (RolloutStatus.SUCCESS, ())
