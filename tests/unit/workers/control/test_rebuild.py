"""The journal is lost: the worker finds the live release from the running containers and asks an operator."""

import asyncio

import pytest

from app.domain.stack import Color
from app.domain.state import State
from tests.examples import a_release, sha_of
from tests.fakes.world import World
from workers.control.operator import Operator

NEW = a_release("v1.1.0")


async def go_live(world: World) -> None:
    world.inbox.put(NEW)
    await world.worker().reconcile()
    assert world.state.current is not None


@pytest.mark.parametrize("why", ["updater-state.json could not be read.", None])
async def test_live_and_previous_release_are_rebuilt(world: World, why: str | None) -> None:
    await go_live(world)
    world.journal.lose(why)
    await world.worker().start()
    state = world.state
    assert (state.active_color, state.last_good_tag, state.rollout) == (Color.GREEN, "v1.1.0", None)
    assert state.current is not None
    assert (state.current.tag, state.current.sha, state.current.rollout_id) == ("v1.1.0", sha_of("v1.1.0"), "r-v1.1.0")
    assert state.previous is not None
    assert state.previous.tag == "v1.0.0"
    assert state.paused
    for part in (why or "The state file is missing.", "v1.1.0 is live on green", "unpause"):
        assert part in str(state.pause_reason)
    assert world.outages == []


async def test_decided_release_is_not_accepted_again(world: World) -> None:
    await go_live(world)
    world.journal.lose(None)
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert (world.state.accepted, len(world.publisher.results)) == ((), 1)


async def test_rebuilt_epoch_refuses_a_sleeping_worker(world: World) -> None:
    await go_live(world)
    slept = world.state.epoch
    world.journal.lose("torn")
    await world.worker().start()
    assert world.state.epoch > slept + 1000


async def test_running_color_is_live_without_a_route(world: World) -> None:
    await go_live(world)
    await world.route.clear()
    world.journal.lose(None)
    await world.worker().start()
    assert (world.state.active_color, world.state.paused) == (Color.GREEN, True)


async def test_a_first_start_is_no_loss() -> None:
    world = World()
    await world.worker().start()
    assert (world.state.paused, world.state.active_color) == (False, None)


async def test_unreadable_file_pauses_an_empty_host() -> None:
    world = World()
    world.journal.lose("updater-state.json could not be read.")
    await world.worker().start()
    assert "No release of the updater is live" in str(world.state.pause_reason)


async def test_previous_copy_is_used_and_pauses(world: World) -> None:
    world.journal.lost = "The updater used the previous copy."
    await world.worker().start()
    assert (world.state.paused, world.state.current and world.state.current.tag) == (True, "v1.0.0")


async def test_lost_pause_is_set_again(world: World) -> None:
    await world.journal.update(lambda s: s.pause("fix it"))
    world.journal.lose(None)
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert (world.publisher.results, [r.tag for r in world.state.accepted]) == ([], ["v1.1.0"])
    assert isinstance(world.state, State)


async def test_lost_rollout_restarts_after_unpause(
    world: World,
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=5)
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while "start api-green v1.1.0" not in world.effects:
        await world.clock.sleep(0.1)
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)
    world.journal.lose(None)
    worker = world.worker()
    await worker.start()
    assert ([r.tag for r in world.state.accepted], world.state.paused) == (["v1.1.0"], True)
    assert world.engine.running("api-green") == [], "the idle color of the lost rollout no longer runs"
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert world.state.current is not None
    assert (world.state.current.tag, world.outages) == ("v1.1.0", [])


async def test_older_accepted_release_does_not_return(world: World) -> None:
    await go_live(world)
    world.inbox.put(a_release("v0.9.0"))
    await world.inbox.taken([a_release("v0.9.0")])
    world.journal.lose(None)
    await world.worker().start()
    assert world.state.accepted == ()


async def test_a_rebuild_does_not_need_redis(world: World) -> None:
    await go_live(world)
    world.journal.lose(None)
    world.inbox.away = True
    await world.worker().start()
    assert (world.state.paused, world.state.last_good_tag) == (True, "v1.1.0")


async def test_foreign_state_file_keeps_its_pause_reason(world: World) -> None:
    """The containers are the updater's, but the old sidecar ran in between."""
    await go_live(world)
    world.journal._state = State(last_good_tag="v1.0.0", paused=True, pause_reason="the disk is full")
    await world.worker().start()
    reason = str(world.state.pause_reason)
    assert (world.state.current and world.state.current.tag) == "v1.1.0"
    assert "Another updater wrote the state file. According to its containers, v1.1.0 is live" in reason
    assert "Releases were already paused: the disk is full" in reason
