"""A service gets another kind in the stack file while an older release is live: follower, singleton, routed, job."""

import itertools
from dataclasses import replace

import pytest

from app.domain.rollout import RolloutStatus
from app.domain.routing.routes import ClientRoute
from app.domain.stack import BeforeFlip, Follower, Singleton, Stack
from tests.examples import a_routed
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from tests.unit.workers.rollout.test_changed_stack import BEFORE, roll_back, roll_out, running, watched

WORKER = "worker"
COPIES = 3
FOLLOWER = replace(BEFORE, followers=(Follower(WORKER, WORKER),))
SINGLETON = replace(BEFORE, singletons=(*BEFORE.singletons, Singleton(WORKER, WORKER)))
KINDS: dict[str, Stack] = {
    "follower": FOLLOWER,
    "singleton": SINGLETON,
    "routed": replace(
        BEFORE, routed=(*BEFORE.routed, a_routed(WORKER, 8070, "/", ClientRoute("web", "PathPrefix(`/worker`)")))
    ),
    "job": replace(BEFORE, before_flip=(BeforeFlip(WORKER),)),
    "not moved": BEFORE,
}
FAILS_IN_THE_BAKE = 6.5


async def a_world(stack: Stack) -> World:
    """v1.0.0 is live on blue; a follower has three copies in each release."""
    world = World(stack)
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave(WORKER, tag, copies=COPIES if stack is FOLLOWER else 1)
    await roll_out(world, "v1.0.0")
    return world


def changed(world: World) -> set[str]:
    return {effect for effect in world.effects if not effect.startswith("route ")}


@pytest.mark.parametrize("lost", [False, True], ids=["restarted", "state-file-lost"])
@pytest.mark.parametrize(
    ("before", "today"), [(one, other) for one in KINDS for other in KINDS if one != other], ids=lambda kind: kind
)
async def test_another_kind_touches_nothing_live(before: str, today: str, *, lost: bool) -> None:
    world = await a_world(KINDS[before])
    ran, copies = running(world), world.engine.running(WORKER)
    world.effects.clear()
    world.restack(KINDS[today])
    if lost:
        world.journal.lose(None)
    assert set(await watched(world)) <= ({"cannot_roll_back"} if lost else set())
    assert (changed(world), running(world), world.engine.running(WORKER)) == (set(), ran, copies)
    assert world.outages == []


def two_of(world: World) -> list[str]:
    """Collects the effects after which copies of two releases run."""
    look, found = world.engine.watcher, list[str]()

    def watcher(effect: str) -> None:
        look(effect)
        found.extend([effect] if len(set(world.engine.running(WORKER))) > 1 else [])

    world.engine.watcher = watcher
    return found


async def test_follower_that_becomes_a_singleton_comes_back_with_all_copies() -> None:
    """The release before runs as it did before the rollout, if the new one fails."""
    world = await a_world(FOLLOWER)
    world.restack(SINGLETON)
    two = two_of(world)
    world.engine.behave("api", "v1.1.0", dies_after=FAILS_IN_THE_BAKE)
    _, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.ROLLED_BACK, ended.error
    assert (world.engine.running(WORKER), two) == (["v1.0.0"] * COPIES, [])
    assert await watched(world) == []


@pytest.mark.parametrize("number", range(1, COPIES + 1))
async def test_copies_come_back_after_an_interrupted_hand_over(number: int) -> None:
    """The worker is killed after some of the copies have stopped."""
    world = await a_world(FOLLOWER)
    world.restack(SINGLETON)
    world.engine.behave("api", "v1.1.0", dies_after=FAILS_IN_THE_BAKE)
    look, seen = world.engine.watcher, itertools.count(1)

    def watcher(effect: str) -> None:
        look(effect)
        if effect == f"stop {WORKER} v1.0.0" and next(seen) == number:
            world.fuse.light(0)

    world.engine.watcher = watcher
    with pytest.raises(Crash):
        await roll_out(world, "v1.1.0")
    world.fuse.put_out()
    await world.worker().start()
    assert world.engine.running(WORKER) == ["v1.0.0"] * COPIES


async def test_rollback_to_a_follower_keeps_todays_singleton() -> None:
    """It must never run twice at once, and an operator has said so since."""
    world = await a_world(FOLLOWER)
    world.restack(SINGLETON)
    two = two_of(world)
    worker, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.SUCCESS, ended.error
    assert world.engine.running(WORKER) == ["v1.1.0"]
    back = await roll_back(world, worker)
    assert back.status is RolloutStatus.SUCCESS, back.error
    assert (world.engine.running(WORKER), two) == (["v1.0.0"], [])
    assert await watched(world) == []


@pytest.mark.parametrize("fails", [False, True])
async def test_singleton_that_becomes_a_follower_never_runs_beside_it(*, fails: bool) -> None:
    """The release before was not made to run twice."""
    world = await a_world(SINGLETON)
    world.engine.behave(WORKER, "v1.1.0", copies=COPIES)
    world.restack(FOLLOWER)
    two = two_of(world)
    if fails:
        world.engine.behave("api", "v1.1.0", dies_after=FAILS_IN_THE_BAKE)
    worker, ended = await roll_out(world, "v1.1.0")
    assert ended.status is (RolloutStatus.ROLLED_BACK if fails else RolloutStatus.SUCCESS), ended.error
    assert world.engine.running(WORKER) == (["v1.0.0"] if fails else ["v1.1.0"] * COPIES)
    assert await watched(world) == []
    if not fails:
        back = await roll_back(world, worker)
        assert back.status is RolloutStatus.SUCCESS, back.error
        assert world.engine.running(WORKER) == ["v1.0.0"]
        assert await watched(world) == []
    assert two == []
