"""Shared by the tests of held releases: a window at 05:00, and a worker that looks once a minute."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app.domain.rollout import RolloutStatus
from app.domain.stack import Policy, Window
from tests.examples import a_release, a_stack
from tests.fakes.world import World
from workers.control.reconcile import Reconciler

MINUTE = 60.0
OLD, NEW = a_release("v1.1.0"), a_release("v1.2.0")
AT_FIVE = Window("0 5 * * *", 30 * MINUTE)
"""The tests begin at 03:04:05 UTC."""

OPENS = datetime(2026, 1, 2, 5, 0, tzinfo=UTC)


def ended(world: World) -> list[tuple[str, RolloutStatus]]:
    return [(rollout.release.tag, rollout.status) for rollout, _ in world.publisher.results]


def held_events(world: World) -> list[tuple[str, str]]:
    return [(data["tag"], data["reason"]) for kind, data in world.publisher.events if kind == "release.held"]


async def at_night() -> World:
    world = World(a_stack(policy=Policy(windows=(AT_FIVE,))))
    await world.live("v1.0.0")
    return world


@asynccontextmanager
async def looking(worker: Reconciler) -> AsyncIterator[None]:
    """Let the worker look once a minute, like its timer."""

    async def look() -> None:
        while True:
            await worker.reconcile()
            await asyncio.sleep(MINUTE)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(world: World, moment: datetime) -> None:
    await world.clock.sleep((moment - world.clock.now()).total_seconds())
