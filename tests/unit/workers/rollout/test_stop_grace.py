"""A service's own `stop_grace_period`: it gets all of it, and the step waits for it."""

from dataclasses import replace

import pytest

from app.domain.rollout import Rollout, RolloutStatus
from tests.examples import a_release
from tests.fakes.world import World
from workers.ports import Instance

GRACE, NEEDED = 900.0, 850.0
"""Seconds: more than the limits of all waits of a step together."""


async def roll_out(world: World) -> Rollout:
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


def slow(world: World, name: str, tag: str, *, grace: float | None = GRACE) -> None:
    """The containers of v1.0.0 exist already."""
    world.engine.behave(name, tag, stop_seconds=NEEDED, stop_grace=grace)
    for service in (name, f"{name}-blue", f"{name}-green"):
        for container in world.engine.containers(service):
            if container.stamp.release == tag:
                container.behaviour = replace(container.behaviour, stop_seconds=NEEDED, stop_grace=grace)


def seconds_to_stop(world: World, what: str) -> float:
    return round(world.engine.at[f"stop {what}"] - world.engine.at[f"ask to stop {what}"], 3)


async def test_bot_gets_all_of_its_grace(world: World) -> None:
    slow(world, "bot", "v1.0.0")
    ended = await roll_out(world)
    assert (ended.status, ended.error) == (RolloutStatus.SUCCESS, None)
    assert seconds_to_stop(world, "bot v1.0.0") == NEEDED


async def test_old_color_gets_all_of_its_grace(world: World) -> None:
    slow(world, "skills", "v1.0.0")
    ended = await roll_out(world)
    assert (ended.status, ended.warnings) == (RolloutStatus.SUCCESS, ())
    assert seconds_to_stop(world, "skills-blue v1.0.0") == NEEDED


@pytest.mark.parametrize(("fails", "change"), [("skills", {"status": 500}), ("bot", {"status": 500})])
async def test_failed_release_gets_all_of_its_grace(world: World, fails: str, change: dict[str, int]) -> None:
    """Before the flip its containers are discarded; after it the bot and then the color are stopped."""
    for name in ("skills", "bot"):
        slow(world, name, "v1.1.0")
    world.engine.behave(fails, "v1.1.0", **change)
    ended = await roll_out(world)
    assert ended.status is (RolloutStatus.FAILED if fails == "skills" else RolloutStatus.ROLLED_BACK)
    assert ended.warnings == ()
    assert seconds_to_stop(world, "skills-green v1.1.0") == NEEDED
    if fails == "bot":
        assert seconds_to_stop(world, "bot v1.1.0") == NEEDED
    assert world.engine.running("bot") == ["v1.0.0"]


async def test_replaced_idle_copy_gets_all_of_its_grace(world: World) -> None:
    """It was left running: the start stops it first."""
    world.engine.place("skills-green", "v0.9.0")
    slow(world, "skills", "v0.9.0")
    ended = await roll_out(world)
    assert (ended.status, ended.error) == (RolloutStatus.SUCCESS, None)


async def test_service_without_a_grace_gets_that_of_the_stack(world: World) -> None:
    slow(world, "bot", "v1.0.0", grace=None)
    assert (await roll_out(world)).status is RolloutStatus.SUCCESS
    assert seconds_to_stop(world, "bot v1.0.0") == world.stack.times.stop_grace


@pytest.mark.parametrize(("own", "grace"), [(None, 30.0), (5.0, 5.0), (0.0, 0.0), (90.0, 90.0)])
def test_own_grace_counts_also_if_it_is_shorter(own: float | None, grace: float) -> None:
    assert Instance("c1", "bot", "running", stop_grace=own).grace(30.0) == grace
