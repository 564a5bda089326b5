"""Followers: new copies start before the old ones stop; exactly the copies of one release stay, whatever happens."""

from typing import Any

import pytest

from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Follower
from app.domain.step import StepId, StepKind
from tests.examples import a_release, a_stack, step_names
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from tests.unit.workers.rollout.test_recovery import power_on, start_again

COPIES = 3
STEP = StepId(StepKind.FOLLOW, "queue")


async def a_world(**stack: Any) -> World:
    """v1.0.0 is live on blue, with three copies of the worker; v1.1.0 was accepted."""
    world = World(a_stack(followers=(Follower("queue", "worker"),), **stack))
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0"):
        world.engine.behave("worker", tag, copies=COPIES)
    await world.live("v1.0.0")
    world.inbox.put(a_release())
    return world


@pytest.fixture
async def world() -> World:
    return await a_world()


def last(world: World) -> Rollout:
    return world.publisher.results[-1][0]


def running(world: World) -> list[str]:
    return world.engine.running("worker")


def of_the_worker(world: World) -> list[str]:
    return [effect for effect in world.effects if " worker " in effect]


async def test_new_copies_start_before_the_old_ones_stop(world: World) -> None:
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert last(world).steps_completed == list(step_names(world.stack))
    assert running(world) == ["v1.1.0"] * COPIES
    wanted = [*["create worker v1.1.0"] * 3, *["start worker v1.1.0"] * 3, *["stop worker v1.0.0"] * 3]
    assert of_the_worker(world)[:9] == wanted
    assert len(last(world).evidence(STEP)["instances"]) == COPIES


async def test_followers_come_after_the_flip_and_before_the_bake(world: World) -> None:
    names = step_names(world.stack)
    await world.worker().reconcile()
    assert names[names.index("follow_queue") - 1 :][:3] == ("restart_bot", "follow_queue", "bake")
    assert world.engine.at["start worker v1.1.0"] > world.engine.at["stop bot v1.0.0"]


async def test_release_with_other_copies_replaces_all(world: World) -> None:
    world.engine.behave("worker", "v1.1.0", copies=1)
    await world.worker().reconcile()
    assert running(world) == ["v1.1.0"]


async def test_release_without_copies_stops_the_old_ones(world: World) -> None:
    world.engine.behave("worker", "v1.1.0", copies=0)
    await world.worker().reconcile()
    assert (last(world).status, running(world)) == (RolloutStatus.SUCCESS, [])


@pytest.mark.parametrize("stopped", [0, 1])
async def test_unchanged_followers_are_left_alone(stopped: int) -> None:
    """Unless not all of them run."""
    world = World(a_stack(followers=(Follower("queue", "worker"),)))
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave("worker", tag, copies=COPIES, image="worker:same")
    await world.live("v1.0.0")
    for container in world.engine.containers("worker")[:stopped]:
        container.end()
    world.inbox.put(a_release())
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert ("skipped" in last(world).evidence(STEP)) is not stopped
    assert len(running(world)) == COPIES
    assert len(set(running(world))) == 1


@pytest.mark.parametrize(
    "bad", [{"check_passes": False}, {"starts": False}, {"dies_after": 0.2}, {"dies_after": 2.0, "comes_back": True}]
)
async def test_bad_follower_rolls_the_release_back(world: World, bad: dict[str, Any]) -> None:
    world.engine.behave("worker", "v1.1.0", **bad)
    old = {container.id for container in world.engine.containers("worker")}
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.ROLLED_BACK
    assert last(world).reason_code in {"follower_never_ready", "start_failed", "bake_failed"}
    assert running(world) == ["v1.0.0"] * COPIES
    assert {container.id for container in world.engine.containers("worker")} == old, "the new ones are removed"
    assert last(world).warnings == ()


async def test_rollback_starts_the_old_ones_first() -> None:
    world = await a_world()
    world.engine.behave("api", "v1.1.0", dies_after=6.5)  # in the bake
    await world.worker().reconcile()
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    assert running(world) == ["v1.0.0"] * COPIES
    back = [effect for effect in of_the_worker(world)[9:] if effect.startswith(("start", "stop"))]
    assert back == [*["start worker v1.0.0"] * 3, *["stop worker v1.1.0"] * 3]


async def test_untouched_old_ones_are_not_restarted(world: World) -> None:
    world.engine.behave("worker", "v1.1.0", check_passes=False)
    await world.worker().reconcile()
    assert "stop worker v1.0.0" not in world.effects
    assert "start worker v1.0.0" not in world.effects


@pytest.mark.parametrize("bad", [{}, {"check_passes": False}])
async def test_each_copy_gets_its_own_grace(bad: dict[str, Any]) -> None:
    """The step that stops a copy waits for it, in a rollout and in a rollback."""
    world = World(a_stack(followers=(Follower("queue", "worker"),)))
    slow = {"copies": COPIES, "stop_seconds": 850.0, "stop_grace": 900.0}
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave("worker", tag, **slow)
    world.engine.behave("worker", "v1.1.0", **bad)
    await world.live("v1.0.0")
    world.inbox.put(a_release())
    await world.worker().reconcile()
    ends = "v1.1.0" if bad else "v1.0.0"
    assert (last(world).status is RolloutStatus.SUCCESS, last(world).warnings) == (not bad, ())
    took = world.engine.at[f"stop worker {ends}"] - world.engine.at[f"ask to stop worker {ends}"]
    assert round(took) == 850
    assert running(world) == ["v1.0.0" if bad else "v1.1.0"] * COPIES


async def test_copy_that_does_not_stop_rolls_back(world: World) -> None:
    world.engine.behave("worker", "v1.0.0", stops=False)
    for container in world.engine.containers("worker"):
        container.behaviour = world.engine._behaviour("worker", "v1.0.0")  # it exists already
    await world.worker().reconcile()
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.ROLLED_BACK, "follower_not_gone")


async def test_release_that_stays_keeps_its_own_copies() -> None:
    """It cannot be rolled back, so its followers stay too, and no other release's run beside them."""
    world = await a_world()
    world.engine.one_ways.add("v1.1.0")
    world.engine.behave("worker", "v1.1.0", check_passes=False)
    await world.worker().reconcile()
    assert (last(world).status, last(world).stays) == (RolloutStatus.FAILED, True)
    assert running(world) == ["v1.1.0"] * COPIES


async def killed_after(moments: int, **api: Any) -> World | None:
    """The world after a kill and a new start; None if the rollout ended before that."""
    world = await a_world()
    world.engine.behave("api", "v1.1.0", **api)
    world.fuse.light(moments)
    try:
        await world.worker().reconcile()
    except Crash:
        await power_on(world)
        await start_again(world)
        return world
    return None


@pytest.mark.parametrize("api", [{}, {"dies_after": 6.5}], ids=["rollout", "rollback"])
async def test_kill_at_any_moment_leaves_the_copies_of_one_release(api: dict[str, Any]) -> None:
    moments = 0
    while world := await killed_after(moments, **api):
        assert world.state.current is not None
        assert running(world) == [world.state.current.tag] * COPIES, f"killed after {moments} moments"
        assert all(rollout.warnings == () for rollout, _ in world.publisher.results), f"killed after {moments} moments"
        moments += 1
    assert moments > 60
