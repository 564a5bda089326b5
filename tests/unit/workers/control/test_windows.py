"""A release that arrives outside every window, and what never waits for a window."""

import asyncio
from datetime import timedelta

import pytest

from app.domain.release import Trigger
from app.domain.rollout import RolloutStatus
from tests.examples import a_release, held
from tests.unit.workers.control.holding import (
    NEW,
    OLD,
    OPENS,
    at_night,
    ended,
    held_events,
    looking,
    until,
)
from tests.unit.workers.rollout.test_recovery import crash_after, start_again


async def test_release_waits_for_window_and_then_starts() -> None:
    world = await at_night()
    world.inbox.put(OLD)
    async with looking(world.worker()):
        await until(world, OPENS - timedelta(seconds=1))
        assert (ended(world), world.effects, world.state.accepted) == ([], [], (held(OLD),))
        await until(world, OPENS + timedelta(minutes=10))
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    (rollout, _), *_ = world.publisher.results
    assert OPENS <= rollout.started_at <= OPENS + timedelta(minutes=1)
    assert held_events(world) == [("v1.1.0", "window")], "once, not at every look"


async def test_newest_release_starts_in_the_window() -> None:
    world = await at_night()
    world.inbox.put(OLD, NEW)
    async with looking(world.worker()):
        await until(world, OPENS + timedelta(minutes=10))
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]
    assert world.publisher.never == [("v1.1.0", "v1.2.0 is newer")]


async def test_late_release_waits_for_the_next_window() -> None:
    world = await at_night()
    async with looking(world.worker()):
        await until(world, OPENS + timedelta(minutes=30))
        world.inbox.put(OLD)
        await until(world, OPENS + timedelta(hours=23))
        assert ended(world) == []
        await until(world, OPENS + timedelta(hours=24, minutes=10))
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_manual_release_starts_outside_a_window() -> None:
    world = await at_night()
    world.inbox.put(OLD, a_release("v1.2.0", trigger=Trigger.MANUAL))
    await world.worker().reconcile()
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]


async def test_rollout_continues_after_its_window() -> None:
    world = await at_night()
    world.engine.behave("api", "v1.1.0", ready_after=100)
    async with looking(world.worker()):
        await until(world, OPENS + timedelta(minutes=28, seconds=30))
        world.inbox.put(OLD)
        await until(world, OPENS + timedelta(minutes=40))
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert world.publisher.results[0][0].completed_at > OPENS + timedelta(minutes=30)  # type: ignore[operator]


async def test_bad_release_rolls_back_after_its_window() -> None:
    world = await at_night()
    world.engine.behave("api", "v1.1.0", ready_after=90, dies_after=96)
    async with looking(world.worker()):
        await until(world, OPENS + timedelta(minutes=28, seconds=30))
        world.inbox.put(OLD)
        await until(world, OPENS + timedelta(minutes=45))
    rollout, _ = world.publisher.results[0]
    assert (rollout.status, rollout.completed_at > OPENS + timedelta(minutes=30)) == (  # type: ignore[operator]
        RolloutStatus.ROLLED_BACK,
        True,
    )
    assert world.outages == []


async def test_waiting_release_survives_lost_redis() -> None:
    world = await at_night()
    world.inbox.put(OLD)
    await world.worker().reconcile()
    world.inbox.lose()
    worker = world.worker()
    await worker.start()
    async with looking(worker):
        await until(world, OPENS + timedelta(minutes=10))
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_release_outside_window_stops_no_rollout() -> None:
    world = await at_night()
    world.engine.behave("api", "v1.1.0", ready_after=100)
    world.inbox.put(a_release("v1.1.0", trigger=Trigger.MANUAL))
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    await world.clock.sleep(5)
    world.inbox.put(NEW)
    await worker.reconcile()
    await rolling
    assert (ended(world), world.clock.now() < OPENS) == ([("v1.1.0", RolloutStatus.SUCCESS)], True)
    assert world.state.accepted == (held(NEW),)


@pytest.mark.parametrize("step", ["docker_build", "route_switch", "bake"])
async def test_interrupted_rollout_resumes_after_window(step: str) -> None:
    world = await at_night()
    await until(world, OPENS + timedelta(minutes=20))
    await crash_after(world, step)
    assert world.clock.now() > OPENS + timedelta(minutes=30)
    await start_again(world)
    assert ended(world)[-1] == ("v1.1.0", RolloutStatus.SUCCESS)
    assert held_events(world) == []
