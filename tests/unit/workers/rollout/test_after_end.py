"""With `resume: transient`, a pause that the machine or the network began ends by itself."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.acceptance.decision import Hold
from app.domain.rollout import RolloutStatus
from app.domain.stack import Resume
from tests.examples import a_release, a_stack
from tests.fakes.world import World
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.rollout.after_end import RETRY_SECONDS

NEW = a_release("v1.1.0")
MINUTE = 60.0


async def transient_world(resume: Resume = Resume.TRANSIENT) -> World:
    world = World(replace(a_stack(), resume=resume, times=replace(a_stack().times, retry=0)))
    await world.live("v1.0.0")
    return world


async def fails(world: World) -> Reconciler:
    """v1.1.0 fails, because GitHub is away."""
    world.source.away = True
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.reconcile()
    assert world.state.paused
    return worker


async def minutes_pass(world: World, worker: Reconciler, seconds: float = RETRY_SECONDS) -> None:
    """The worker looks once a minute."""
    for _ in range(int(seconds // MINUTE) + 1):
        await world.clock.sleep(MINUTE)
        await worker.reconcile()


def ends(world: World) -> list[tuple[str, RolloutStatus]]:
    return [(rollout.release.tag, rollout.status) for rollout, _ in world.publisher.results]


async def test_pause_ends_when_the_same_release_succeeds() -> None:
    world = await transient_world()
    worker = await fails(world)
    assert "It is tried again from" in str(world.state.pause_reason)
    (held,) = worker.decide().held
    assert (held.release.tag, held.why, held.until) == ("v1.1.0", Hold.RETRY, held.release.retry_at)
    world.source.away = False
    await minutes_pass(world, worker)
    assert ends(world) == [("v1.1.0", RolloutStatus.FAILED), ("v1.1.0", RolloutStatus.SUCCESS)]
    assert (world.state.paused, world.state.pause_reason, world.state.accepted) == (False, None, ())
    assert [kind for kind, _ in world.publisher.events if kind == "resumed"] == ["resumed"]
    assert len({rollout.id for rollout, _ in world.publisher.results}) == 2


async def test_nothing_is_retried_before_its_time() -> None:
    world = await transient_world()
    worker = await fails(world)
    world.source.away = False
    await minutes_pass(world, worker, RETRY_SECONDS - 2 * MINUTE)
    assert (len(ends(world)), world.state.paused) == (1, True)


async def test_lasting_failure_wakes_a_person_once() -> None:
    world = await transient_world()
    worker = await fails(world)
    reason = world.state.pause_reason
    await minutes_pass(world, worker, 5 * (RETRY_SECONDS + MINUTE))
    assert len(ends(world)) > 4
    assert (world.state.paused, world.state.pause_reason) == (True, reason)
    assert [r.retry_at is not None for r in world.state.accepted] == [True]
    await world.clock.sleep(MINUTE)
    kinds = [notice.id.partition(":")[0] for notice in world.notifier.notices]
    assert (kinds.count("rollout"), kinds.count("accepted"), kinds.count("held")) == (1, 1, 0)


async def test_pause_waits_for_a_person_by_default() -> None:
    world = await transient_world(Resume.BY_PERSON)
    worker = await fails(world)
    world.source.away = False
    await minutes_pass(world, worker, 3 * RETRY_SECONDS)
    assert (len(ends(world)), world.state.paused, world.state.accepted) == (1, True, ())


@pytest.mark.parametrize("fault", ["release", "past_flip"])
async def test_fault_of_the_release_waits_for_a_person(fault: str) -> None:
    world = await transient_world()
    if fault == "release":
        world.engine.behave("api", "v1.1.0", status=500)
    else:
        world.engine.behave("bot", "v1.1.0", check_passes=False)
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.reconcile()
    await minutes_pass(world, worker, 2 * RETRY_SECONDS)
    assert (len(ends(world)), world.state.paused, world.state.accepted) == (1, True, ())


async def test_pause_of_a_person_never_ends_by_itself() -> None:
    world = await transient_world()
    worker = await fails(world)
    world.source.away = False
    await Operator(world.ports, worker).pause("the database moves")
    await minutes_pass(world, worker, 2 * RETRY_SECONDS)
    assert (len(ends(world)), world.state.pause_reason) == (1, "the database moves")
    assert [held.why for held in worker.decide().held] == [Hold.PAUSED]


async def test_pause_during_the_retry_stays() -> None:
    world = await transient_world()
    worker = await fails(world)
    world.source.away = False
    world.engine.behave("api", "v1.1.0", build_seconds=30)
    while world.state.rollout is None:
        await world.clock.sleep(MINUTE)
        retrying = asyncio.create_task(worker.reconcile())
        await world.clock.sleep(1)
    await Operator(world.ports, worker).pause("the database moves")
    await retrying
    assert ends(world)[-1] == ("v1.1.0", RolloutStatus.SUCCESS)
    assert (world.state.paused, world.state.pause_reason) == (True, "the database moves")


async def test_killed_retry_begins_again() -> None:
    world = await transient_world()
    worker = await fails(world)
    world.source.away = False
    world.engine.behave("api", "v1.1.0", build_seconds=30)
    while world.state.rollout is None:
        await world.clock.sleep(MINUTE)
        retrying = asyncio.create_task(worker.reconcile())
        await world.clock.sleep(1)
    retrying.cancel()
    await asyncio.gather(retrying, return_exceptions=True)
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert ends(world)[-1] == ("v1.1.0", RolloutStatus.SUCCESS)
    assert not world.state.paused


async def test_newer_release_follows_the_retry() -> None:
    world = await transient_world()
    worker = await fails(world)
    world.inbox.put(a_release("v1.2.0"))
    await worker.reconcile()
    assert {held.release.tag: held.why for held in worker.decide().held} == {
        "v1.1.0": Hold.RETRY,
        "v1.2.0": Hold.PAUSED,
    }
    world.source.away = False
    await minutes_pass(world, worker)
    assert ends(world)[1:] == [("v1.1.0", RolloutStatus.SUCCESS), ("v1.2.0", RolloutStatus.SUCCESS)]


async def test_unpause_starts_the_release_at_once() -> None:
    world = await transient_world()
    worker = await fails(world)
    world.source.away = False
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert ends(world)[-1] == ("v1.1.0", RolloutStatus.SUCCESS)


async def test_release_fails_by_its_own_fault_in_the_retry() -> None:
    world = await transient_world()
    worker = await fails(world)
    world.source.away = False
    world.engine.behave("api", "v1.1.0", status=500)
    await minutes_pass(world, worker, 3 * RETRY_SECONDS)
    assert ends(world) == [("v1.1.0", RolloutStatus.FAILED)] * 2
    assert world.state.accepted == ()
    assert "HTTP 500" in str(world.state.pause_reason)
