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
