"""Which release should be live, and that exactly this release is rolled out."""

import asyncio

import pytest

from app.domain.release import Release, Trigger
from app.domain.rollout import RolloutStatus
from app.domain.stack import Color, Supersede
from tests.examples import a_live, a_release, a_stack
from tests.fakes.world import World
from workers.control.operator import Operator

OLD, NEW = a_release("v1.1.0"), a_release("v1.2.0")


def ended(world: World) -> list[tuple[str, RolloutStatus]]:
    return [(rollout.release.tag, rollout.status) for rollout, _ in world.publisher.results]


async def test_empty_inbox_changes_nothing(world: World) -> None:
    await world.worker().reconcile()
    assert (world.effects, ended(world)) == ([], [])
    assert world.state.looked_at == world.clock.now()


async def test_newest_of_a_burst_supersedes_the_others(world: World) -> None:
    world.inbox.put(NEW, OLD)
    await world.worker().reconcile()
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]
    assert world.publisher.never == [("v1.1.0", "v1.2.0 is newer")]
    assert world.state.accepted == ()


async def test_taken_release_leaves_the_inbox(world: World) -> None:
    world.inbox.put(OLD)
    await world.worker().reconcile()
    assert await world.inbox.pending() == []


async def test_held_release_starts_after_unpause(world: World) -> None:
    await world.journal.update(lambda s: s.pause("fix it"))
    world.inbox.put(OLD, NEW)
    worker = world.worker()
    await worker.reconcile()
    assert (ended(world), [r.tag for r in world.state.accepted]) == ([], ["v1.1.0", "v1.2.0"])
    await Operator(world.ports, worker).unpause()
    assert (world.state.paused, world.state.resumed_at) == (False, world.clock.now())
    await worker.reconcile()
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]


async def test_failed_release_is_not_retried(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=500)
    world.inbox.put(OLD)
    worker = world.worker()
    await worker.reconcile()
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED)]


async def test_failure_holds_next_release_until_unpause(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=500)
    world.inbox.put(OLD)
    worker = world.worker()
    await worker.reconcile()
    world.inbox.put(NEW)
    await worker.reconcile()
    assert [r.tag for r in world.state.accepted] == ["v1.2.0"]
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert ended(world)[-1] == ("v1.2.0", RolloutStatus.SUCCESS)


async def test_decided_release_is_not_repeated(world: World) -> None:
    """Redis may forget that the release was taken: an old snapshot, or a lost last write."""
    world.engine.behave("api", "v1.1.0", status=500)
    world.inbox.forgetful = True
    world.inbox.put(OLD)
    worker = world.worker(pause_on_failure=False)
    async with asyncio.timeout(3600):
        await worker.reconcile()
        await worker.reconcile()
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED)]


async def test_forced_release_is_not_repeated(world: World) -> None:
    world.inbox.forgetful = True
    world.inbox.put(a_release("v0.9.0", force=True, trigger=Trigger.MANUAL))
    worker = world.worker()
    look = world.engine.watcher

    def watcher(effect: str) -> None:
        look(effect)
        assert len(ended(world)) < 3, "the release is rolled out repeatedly"

    world.engine.watcher = watcher
    await worker.reconcile()
    assert ended(world) == [("v0.9.0", RolloutStatus.SUCCESS)]


async def test_nudge_during_a_rollout_is_followed_up(world: World) -> None:
    world.inbox.put(OLD)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while "route green" not in world.effects:
        await world.clock.sleep(0.1)
    world.inbox.put(NEW)
    await worker.reconcile()
    assert not rolling.done()
    await rolling
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS), ("v1.2.0", RolloutStatus.SUCCESS)]


async def test_any_number_of_nudges_start_one_rollout(world: World) -> None:
    world.inbox.put(OLD)
    worker = world.worker()
    await asyncio.gather(*(worker.reconcile() for _ in range(50)))
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS)]


async def test_nudge_during_unpause_is_not_lost(world: World) -> None:
    await world.journal.update(lambda s: s.pause("fix it"))
    world.inbox.put(NEW)
    worker = world.worker()
    await asyncio.gather(Operator(world.ports, worker).unpause(), worker.reconcile())
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]


async def test_journal_release_starts_without_redis(world: World) -> None:
    await world.journal.update(lambda s: s.accept(OLD))
    world.inbox.away = True
    await world.worker().reconcile()
    assert world.state.last_attempted_tag == "v1.1.0"


async def test_automatic_off_allows_manual_releases(world: World) -> None:
    world.inbox.put(OLD)
    worker = world.worker(enabled=False)
    await worker.reconcile()
    assert ended(world) == []
    world.inbox.put(a_release("v1.2.0", trigger=Trigger.MANUAL))
    await worker.reconcile()
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]


async def test_forced_release_can_be_older(world: World) -> None:
    world.inbox.put(a_release("v0.9.0", force=True, trigger=Trigger.MANUAL))
    await world.worker().reconcile()
    assert ended(world) == [("v0.9.0", RolloutStatus.SUCCESS)]
    assert world.state.previous == a_live("v1.0.0")


async def test_each_worker_raises_the_epoch(world: World) -> None:
    await world.worker().start()
    await world.worker().start()
    assert world.state.epoch == 3
    assert world.publisher.statuses[-1] == world.state


async def overtake(world: World, running: Release, newer: Release, effect: str) -> None:
    """Roll `running` out until `effect`, then add `newer`; returns when both have ended."""
    world.inbox.put(running)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while effect not in world.effects:
        await world.clock.sleep(0.1)
    world.inbox.put(newer)
    await worker.reconcile()
    await rolling


async def test_newer_release_supersedes_one_in_build(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    await overtake(world, OLD, NEW, "start api-green v1.1.0")
    assert ended(world) == [("v1.1.0", RolloutStatus.SUPERSEDED), ("v1.2.0", RolloutStatus.SUCCESS)]
    gave_way = world.publisher.results[0][0]
    assert (gave_way.reason_code, "v1.2.0 goes live instead" in str(gave_way.error)) == ("superseded", True)
    assert (world.state.paused, world.outages) == (False, [])
    assert world.engine.running("api-green") == ["v1.2.0"]


async def test_rollout_in_its_flip_is_not_superseded(world: World) -> None:
    world.route.lag = 2
    await overtake(world, OLD, NEW, "route green")
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS), ("v1.2.0", RolloutStatus.SUCCESS)]


async def test_supersede_never_finishes_a_rollout() -> None:
    world = World(a_stack(supersede=Supersede.NEVER))
    await world.live("v1.0.0")
    world.engine.behave("api", "v1.1.0", ready_after=60)
    await overtake(world, OLD, NEW, "start api-green v1.1.0")
    assert ended(world) == [("v1.1.0", RolloutStatus.SUCCESS), ("v1.2.0", RolloutStatus.SUCCESS)]


async def test_older_release_supersedes_nothing(world: World) -> None:
    world.engine.behave("api", "v1.2.0", ready_after=60)
    await overtake(world, NEW, OLD, "start api-green v1.2.0")
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]
    assert world.publisher.never == [("v1.1.0", "the live v1.2.0 is newer")]


async def test_broken_published_file_keeps_worker_alive(world: World) -> None:
    world.engine.published_retired = "proxy has network_mode: service:old"
    await world.worker().start()
    assert world.state.current is not None


@pytest.mark.parametrize("event", ["route.flipped", "step.failed"], ids=["goes on", "rolls back"])
async def test_rollout_that_a_full_disk_cuts_off_goes_on_in_seconds(world: World, event: str) -> None:
    """Without another nudge: clients may be on a release that is being rolled back."""
    bad = event == "step.failed"
    world.probe.unknown |= {"api-green"} if bad else set()
    world.publisher.at_event(event, lambda: setattr(world.journal, "full", True))
    world.inbox.put(OLD)
    looking = asyncio.create_task(world.worker().reconcile())
    while not world.journal.full:
        await world.clock.sleep(0.1)
    await world.clock.sleep(30)
    world.journal.full = False
    await world.clock.sleep(10 + world.stack.times.route)  # a bad one is asked once more
    assert world.route.served()[0] is (Color.BLUE if bad else Color.GREEN)
    await looking
    assert ended(world) == [("v1.1.0", RolloutStatus.ROLLED_BACK if bad else RolloutStatus.SUCCESS)]


async def test_full_disk_without_a_rollout_ends_the_look(world: World) -> None:
    world.journal.full = True
    world.inbox.put(OLD)
    with pytest.raises(OSError, match="No space"):
        await world.worker().reconcile()
