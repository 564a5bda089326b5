"""A release that waits for a person's word, and what ends that."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.decision import HeldRelease, Hold
from app.domain.errors import ApprovalNotNeeded, NotWaiting
from app.domain.release import Release, Trigger
from app.domain.rollout import RolloutStatus
from app.domain.stack import Policy
from tests.examples import a_release, a_stack
from tests.fakes.world import World
from tests.unit.workers.control.holding import (
    AT_FIVE,
    NEW,
    OLD,
    OPENS,
    at_night,
    ended,
    looking,
    told,
    until,
)
from tests.unit.workers.rollout.test_recovery import start_again
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler


async def waiting_for_approval(*releases: Release, **stack: Any) -> tuple[World, Reconciler, Operator]:
    world = World(a_stack(**stack))
    await world.live("v1.0.0")
    world.inbox.put(*releases)
    worker = world.worker(approval=True)
    await worker.reconcile()
    return world, worker, Operator(world.ports, worker)


async def test_a_release_waits_until_it_is_approved() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    await worker.reconcile()
    assert (ended(world), world.effects, told(world)) == ([], [], [("v1.1.0", "approval")])
    assert await operator.approve("v1.1.0") == ("r-v1.1.0", None)
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert ("release.approved", {"tag": "v1.1.0", "rollout_id": "r-v1.1.0"}) in world.publisher.events


async def test_a_newer_release_takes_the_place_of_one_that_waits_and_waits_itself() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    world.inbox.put(NEW)
    await worker.reconcile()
    assert (world.publisher.never, world.state.accepted) == ([("v1.1.0", "v1.2.0 is newer and is waiting too")], (NEW,))
    with pytest.raises(NotWaiting, match=r"v1\.1\.0\. Waiting now: v1\.2\.0"):
        await operator.approve("v1.1.0")
    assert ended(world) == []


async def test_a_release_that_waits_and_its_approval_survive_the_worker_and_a_redis_that_lost_them() -> None:
    world, _, _ = await waiting_for_approval(OLD)
    world.inbox.lose()
    worker = world.worker(approval=True)
    await worker.start()
    await worker.reconcile()
    assert (ended(world), world.state.accepted) == ([], (OLD,))
    await Operator(world.ports, worker).approve("v1.1.0")
    await start_again(world, approval=True)
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_a_release_that_the_worker_has_not_taken_over_yet_can_be_approved() -> None:
    world, worker, operator = await waiting_for_approval()
    world.inbox.put(OLD)
    await operator.approve("v1.1.0")
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_what_a_person_applies_needs_no_approval_and_ends_the_wait_for_one() -> None:
    world, worker, _ = await waiting_for_approval(OLD)
    world.inbox.put(a_release("v1.1.0", key="manual:1", rollout_id="r-manual", trigger=Trigger.MANUAL))
    await worker.reconcile()
    assert (ended(world), world.state.accepted) == ([("v1.1.0", RolloutStatus.SUCCESS)], ())
    assert world.publisher.never == [("v1.1.0", "it was requested twice")]


async def test_a_release_that_needs_no_approval_cannot_be_approved() -> None:
    world = await at_night()
    world.inbox.put(OLD)
    worker = world.worker()
    await worker.reconcile()
    operator = Operator(world.ports, worker)
    with pytest.raises(ApprovalNotNeeded):
        await operator.approve("v1.1.0")
    with pytest.raises(NotWaiting, match=r"v9\.9\.9"):
        await operator.approve("v9.9.9")


async def test_an_approved_release_goes_when_the_window_opens() -> None:
    world, worker, operator = await waiting_for_approval(OLD, policy=Policy(windows=(AT_FIVE,)))
    rollout_id, held = await operator.approve("v1.1.0")
    assert (rollout_id, held) == ("r-v1.1.0", HeldRelease(replace(OLD, approved=True), Hold.WINDOW, OPENS))
    with pytest.raises(ApprovalNotNeeded):
        await operator.approve("v1.1.0")
    async with looking(worker):
        await until(world, OPENS - timedelta(seconds=1))
        assert ended(world) == []
        await until(world, OPENS + timedelta(minutes=10))
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert told(world) == [("v1.1.0", "approval"), ("v1.1.0", "window")]


async def test_a_release_can_be_approved_while_paused_and_starts_with_the_unpause() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    await operator.pause("a holiday")
    _, held = await operator.approve("v1.1.0")
    assert held is not None
    assert held.why is Hold.PAUSED
    await worker.reconcile()
    assert ended(world) == []
    await operator.unpause()
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_an_unapproved_release_does_not_stop_a_running_rollout_and_an_approved_one_does() -> None:
    world, worker, operator = await waiting_for_approval()
    world.engine.behave("api", "v1.1.0", ready_after=100)
    world.inbox.put(a_release("v1.1.0", trigger=Trigger.MANUAL))
    rolling = asyncio.create_task(worker.reconcile())
    await world.clock.sleep(5)
    world.inbox.put(NEW)
    await worker.reconcile()
    await world.clock.sleep(5)
    assert world.state.rollout is not None
    assert world.state.rollout.release.tag == "v1.1.0"
    await operator.approve("v1.2.0")
    await worker.reconcile()
    await rolling
    assert ended(world) == [("v1.1.0", RolloutStatus.SUPERSEDED), ("v1.2.0", RolloutStatus.SUCCESS)]


async def test_a_release_that_waits_for_its_approval_can_be_cancelled() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    await operator.cancel("r-v1.1.0")
    await worker.reconcile()
    assert (world.state.accepted, world.publisher.never) == ((), [("v1.1.0", "before it began")])


async def test_a_bad_release_that_was_approved_goes_back_and_is_not_tried_again() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    world.engine.behave("api", "v1.1.0", status=500)
    await operator.approve("v1.1.0")
    await worker.reconcile()
    assert (ended(world), world.state.accepted, world.state.paused) == ([("v1.1.0", RolloutStatus.FAILED)], (), True)
