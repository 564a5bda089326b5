"""A follower is renamed, added or removed, or becomes something else, while an older release is live."""

from dataclasses import replace

import pytest

from app.domain.rollout import RolloutStatus
from app.domain.stack import BeforeFlip, Follower, Singleton, Stack
from tests.fakes.world import World
from tests.unit.workers.rollout.test_changed_stack import BEFORE, live, roll_back, roll_out, running, watched
from workers.inspect.doctor import examine

QUEUE = Follower("queue", "worker")
OLD = replace(BEFORE, followers=(QUEUE,))
RENAMED = replace(BEFORE, followers=(Follower("queue", "jobs"),))
COPIES = 3


async def a_world(stack: Stack = OLD) -> World:
    """v1.0.0 is live on blue, with three copies of each follower."""
    world = World(stack)
    for tag in ("v1.0.0", "v1.1.0"):
        for service in ("worker", "jobs"):
            world.engine.behave(service, tag, copies=COPIES)
    await roll_out(world, "v1.0.0")
    return world


def copies(world: World) -> dict[str, list[str]]:
    return {service: found for service in ("worker", "jobs") if (found := world.engine.running(service))}


async def test_a_renamed_follower_leaves_none_of_the_old_ones() -> None:
    world = await a_world()
    world.restack(RENAMED)
    assert await watched(world) == []
    worker, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.SUCCESS, ended.error
    assert copies(world) == {"jobs": ["v1.1.0"] * COPIES}
    assert await watched(world) == []
    back = await roll_back(world, worker)
    assert back.status is RolloutStatus.SUCCESS, back.error
    assert copies(world) == {"worker": ["v1.0.0"] * COPIES}
    assert await watched(world) == []


async def test_a_failed_release_brings_a_renamed_follower_back() -> None:
    world = await a_world()
    world.restack(RENAMED)
    world.engine.behave("api", "v1.1.0", dies_after=6.5)  # in the bake
    _, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.ROLLED_BACK
    assert copies(world) == {"worker": ["v1.0.0"] * COPIES}
    assert await watched(world) == []


WITH_JOB = replace(BEFORE, before_flip=(BeforeFlip("worker"),))
WITH_BOT = replace(BEFORE, singletons=(*BEFORE.singletons, Singleton("worker", "worker")))
PLAIN = replace(BEFORE, followers=(Follower("worker", "worker"),))


@pytest.mark.parametrize("today", [PLAIN, WITH_BOT])
async def test_a_job_of_the_live_release_is_no_follower_or_singleton_of_it(today: Stack) -> None:
    """It has ended, and no copy of it is missing."""
    world = await live(WITH_JOB)
    world.restack(today)
    assert await watched(world) == []
    worker, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.SUCCESS, ended.error
    assert world.engine.running("worker") == ["v1.1.0"]
    back = await roll_back(world, worker)
    assert back.status is RolloutStatus.SUCCESS, back.error
    assert any("v1.0.0 lacks worker" in warning for warning in back.warnings)
    assert world.engine.running("worker") == []
    assert await watched(world) == []


@pytest.mark.parametrize("before", [PLAIN, WITH_BOT])
async def test_what_ran_before_it_became_a_job_is_named(before: Stack) -> None:
    world = await live(before)
    world.restack(WITH_JOB)
    assert await watched(world) == []
    _, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.SUCCESS, ended.error
    assert "worker" in running(world)
    found = {check.name: check for check in await examine(WITH_JOB, world.ports)}
    assert "only runs before the flip" in found["left_worker"].found
    assert "docker stop" in found["left_worker"].remedy
