"""A release that waits for an operator's approval, and what ends the wait."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.acceptance.decision import HeldRelease, Hold
from app.domain.acceptance.withdrawn import moved
from app.domain.errors import ApprovalNotNeeded, CommitUnknown, NotWaiting, TagMoved
from app.domain.release import Release, Trigger
from app.domain.rollout import RolloutStatus
from app.domain.stack import Policy
from tests.examples import a_release, a_stack, held, sha_of
from tests.fakes.world import World
from tests.unit.workers.control.holding import (
    AT_FIVE,
    NEW,
    OLD,
    OPENS,
    at_night,
    ended,
    held_events,
    looking,
    until,
)
from tests.unit.workers.rollout.test_recovery import start_again
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler

APPROVED = {"tag": "v1.1.0", "rollout_id": "r-v1.1.0", "commit": sha_of("v1.1.0")}


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
    assert (ended(world), world.effects, held_events(world)) == ([], [], [("v1.1.0", "approval")])
    approved, wait = await operator.approve("v1.1.0")
    assert (approved.rollout_id, approved.commit, wait) == ("r-v1.1.0", sha_of("v1.1.0"), None)
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert ("release.approved", APPROVED) in world.publisher.events


@pytest.mark.parametrize("digits", [7, 40])
async def test_commit_that_a_person_saw_is_approved(digits: int) -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    await operator.approve("v1.1.0", sha_of("v1.1.0")[:digits])
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_tag_that_moved_since_a_person_looked_is_not_approved() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    seen = str(world.state.accepted[0].commit)
    await world.journal.update(lambda s: moved(s, OLD.key, "b" * 40))
    with pytest.raises(TagMoved, match=f"v1.1.0 points to {'b' * 12} now, and not to {seen[:12]}"):
        await operator.approve("v1.1.0", seen)
    await worker.reconcile()
    assert (ended(world), world.state.accepted[0].approved) == ([], False)


async def test_commit_is_not_approved_before_it_is_known() -> None:
    world, _, operator = await waiting_for_approval()
    world.source.away = True
    world.inbox.put(OLD)
    with pytest.raises(CommitUnknown, match="the repository cannot be read"):
        await operator.approve("v1.1.0", sha_of("v1.1.0"))
    assert not world.state.accepted[0].approved


async def test_newer_release_supersedes_a_waiting_one() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    world.inbox.put(NEW)
    await worker.reconcile()
    assert (world.publisher.never, world.state.accepted) == (
        [("v1.1.0", "v1.2.0 is newer and is waiting too")],
        (held(NEW),),
    )
    with pytest.raises(NotWaiting, match=r"v1\.1\.0\. Waiting now: v1\.2\.0"):
        await operator.approve("v1.1.0")
    assert ended(world) == []


async def test_approval_survives_worker_and_redis_loss() -> None:
    world, _, _ = await waiting_for_approval(OLD)
    world.inbox.lose()
    worker = world.worker(approval=True)
    await worker.start()
    await worker.reconcile()
    assert (ended(world), world.state.accepted) == ([], (held(OLD),))
    await Operator(world.ports, worker).approve("v1.1.0")
    await start_again(world, approval=True)
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_release_in_the_inbox_can_be_approved() -> None:
    world, worker, operator = await waiting_for_approval()
    world.inbox.put(OLD)
    await operator.approve("v1.1.0")
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


@pytest.mark.parametrize("trouble", ["refuses", "hangs", "has no such tag", "is another one"])
async def test_release_without_a_known_commit_cannot_be_approved(trouble: str) -> None:
    """An approval of the tag would let any commit go live that it is moved to."""
    world, worker, operator = await waiting_for_approval()
    world.source.away, world.source.replaced = trouble == "refuses", trouble == "is another one"
    if trouble == "hangs":
        world.source.hang()
    tags = dict(world.source.tags)
    world.source.tags = {} if trouble == "has no such tag" else tags
    world.inbox.put(OLD)
    begun = world.clock.monotonic()
    with pytest.raises(CommitUnknown, match=r"Approve v1\.1\.0 again when"):
        await operator.approve("v1.1.0")
    assert world.clock.monotonic() - begun < 10
    world.source.away, world.source.replaced, world.source.tags = False, False, tags
    world.source.go_on()
    await worker.reconcile()
    assert (ended(world), world.state.accepted) == ([], (held(OLD),))
    await operator.approve("v1.1.0")
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_answer_to_an_approval_names_its_commit() -> None:
    """Nothing has asked for it before."""
    world, _, operator = await waiting_for_approval()
    world.inbox.put(OLD)
    approved, _ = await operator.approve("v1.1.0")
    assert (approved.commit, approved.approved) == (sha_of("v1.1.0"), True)


async def test_manual_release_ends_the_approval_wait() -> None:
    world, worker, _ = await waiting_for_approval(OLD)
    world.inbox.put(a_release("v1.1.0", key="manual:1", rollout_id="r-manual", trigger=Trigger.MANUAL))
    await worker.reconcile()
    assert (ended(world), world.state.accepted) == ([("v1.1.0", RolloutStatus.SUCCESS)], ())
    assert world.publisher.never == [("v1.1.0", "it was requested twice")]


async def test_approval_is_refused_when_not_needed() -> None:
    world = await at_night()
    world.inbox.put(OLD)
    worker = world.worker()
    await worker.reconcile()
    operator = Operator(world.ports, worker)
    with pytest.raises(ApprovalNotNeeded):
        await operator.approve("v1.1.0")
    with pytest.raises(NotWaiting, match=r"v9\.9\.9"):
        await operator.approve("v9.9.9")


async def test_approved_release_starts_in_the_window() -> None:
    world, worker, operator = await waiting_for_approval(OLD, policy=Policy(windows=(AT_FIVE,)))
    approved, wait = await operator.approve("v1.1.0")
    assert wait == HeldRelease(replace(approved, approved=True), Hold.WINDOW, OPENS)
    with pytest.raises(ApprovalNotNeeded):
        await operator.approve("v1.1.0")
    async with looking(worker):
        await until(world, OPENS - timedelta(seconds=1))
        assert ended(world) == []
        await until(world, OPENS + timedelta(minutes=10))
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]
    assert held_events(world) == [("v1.1.0", "approval"), ("v1.1.0", "window")]


async def test_release_can_be_approved_while_paused() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    await operator.pause("a holiday")
    _, wait = await operator.approve("v1.1.0")
    assert wait is not None
    assert wait.why is Hold.PAUSED
    await worker.reconcile()
    assert ended(world) == []
    await operator.unpause()
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_only_an_approved_release_stops_a_rollout() -> None:
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


async def test_waiting_release_can_be_cancelled() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    await operator.cancel("r-v1.1.0")
    await worker.reconcile()
    assert (world.state.accepted, world.publisher.never) == ((), [("v1.1.0", "before it began")])


async def test_approved_bad_release_is_not_retried() -> None:
    world, worker, operator = await waiting_for_approval(OLD)
    world.engine.behave("api", "v1.1.0", status=500)
    await operator.approve("v1.1.0")
    await worker.reconcile()
    assert (ended(world), world.state.accepted, world.state.paused) == ([("v1.1.0", RolloutStatus.FAILED)], (), True)
