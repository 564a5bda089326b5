"""Calls that are acknowledged while the begin or the end of a step is being journaled."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.domain.errors import RolloutRunning
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import BeforeFlip, Color
from app.domain.state import State
from tests.examples import a_live, a_release, a_stack
from tests.fakes.world import World
from tests.unit.workers.rollout.test_recovery import crash_after
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler

NEW = a_release("v1.1.0")


@pytest.fixture
async def world() -> World:
    """v1.0.0 is live on blue, and v1.1.0 waits."""
    world = World()
    await world.live("v1.0.0")
    world.inbox.put(NEW)
    return world


def ask_before(world: World, moment: Callable[[Rollout], bool], ask: Callable[[], Awaitable[object]]) -> list[object]:
    """Asks once, when the `moment` of the rollout has come and waits to be written. Returns the answer."""
    update, answers = world.journal.update, list[object]()

    async def updating(change: Callable[[State], State], *, both: bool = False) -> State:
        rollout = change(world.state).rollout
        if not answers and rollout is not None and moment(rollout):
            answers.append("asked")
            answers[0] = await ask()
        return await update(change, both=both)

    world.journal.update = updating  # type: ignore[method-assign]  # the moment before the write
    return answers


def failed(rollout: Rollout) -> bool:
    return rollout.failed_step is not None


async def cancelled(world: World, worker: Reconciler) -> None:
    await Operator(world.ports, worker).cancel(NEW.rollout_id)


def ends(world: World) -> list[tuple[RolloutStatus, str | None]]:
    return [(rollout.status, rollout.reason_code) for rollout, _ in world.publisher.results]


def last(world: World) -> Rollout:
    return world.publisher.results[-1][0]


def seconds_of(rollout: Rollout, name: str) -> float:
    return sum(step.seconds or 0.0 for step in rollout.steps if step.name == name)


async def test_cancel_at_a_loss_of_the_engine_counts(world: World) -> None:
    """The release is not attempted again."""
    worker = world.worker()
    asked = ask_before(world, failed, lambda: cancelled(world, worker))
    world.engine.goes_away = ["build v1.1.0"]
    await worker.reconcile()
    assert ends(world) == [(RolloutStatus.FAILED, "cancelled")]
    assert (asked, world.state.accepted, world.state.current) == ([None], (), a_live("v1.0.0"))


async def test_cancel_as_the_recovery_begins_counts(world: World) -> None:
    await crash_after(world, "start_api")
    worker = world.worker()
    asked = ask_before(world, failed, lambda: cancelled(world, worker))
    await worker.start()
    await worker.reconcile()
    assert ends(world) == [(RolloutStatus.FAILED, "cancelled")]
    assert (asked, world.state.accepted, world.state.current) == ([None], (), a_live("v1.0.0"))


async def test_forced_rollback_at_a_failure_counts(world: World) -> None:
    """Without it, a release that cannot be rolled back would stay."""
    worker = world.worker()
    world.engine.one_ways = {"v1.1.0"}
    world.engine.behave("api", "v1.1.0", dies_after=6)
    asked = ask_before(world, failed, lambda: Operator(world.ports, worker).roll_back(None, force=True))
    await worker.reconcile()
    assert ends(world) == [(RolloutStatus.ROLLED_BACK, "operator_rollback")]
    assert (asked, world.route.served()[0], last(world).failed_step) == ([NEW.rollout_id], Color.BLUE, "bake")


@pytest.mark.parametrize("step", ["git_fetch_tags", "docker_build"])
async def test_cancel_as_a_step_begins_ends_it_at_once(world: World, step: str) -> None:
    worker = world.worker()
    world.source.seconds = 10
    world.engine.behave("api", "v1.1.0", build_seconds=100)
    asked = ask_before(world, lambda r: r.running_step == step, lambda: cancelled(world, worker))
    await worker.reconcile()
    assert (asked, ends(world)) == ([None], [(RolloutStatus.FAILED, "cancelled")])
    assert seconds_of(last(world), step) < 1


async def test_rollback_as_the_bake_begins_ends_it_at_once(world: World) -> None:
    worker = world.worker()
    asked = ask_before(world, lambda r: r.running_step == "bake", lambda: Operator(world.ports, worker).roll_back(None))
    await worker.reconcile()
    assert (asked, ends(world)) == ([NEW.rollout_id], [(RolloutStatus.ROLLED_BACK, "operator_rollback")])
    assert seconds_of(last(world), "bake") < 1


@pytest.mark.parametrize("during", ["begin", "sweep"])
async def test_cancel_before_a_migration_prevents_it(during: str) -> None:
    world = World(a_stack(before_flip=(BeforeFlip("skills", ("migrate", "up"), 60),)))
    await world.live("v1.0.0")
    world.inbox.put(NEW)
    worker, sweep = world.worker(), world.engine.sweep

    async def sweeping() -> list[str]:
        world.engine.sweep = sweep  # type: ignore[method-assign]  # once
        await cancelled(world, worker)
        return await sweep()

    if during == "begin":
        ask_before(world, lambda r: r.running_step == "before_flip_1_skills", lambda: cancelled(world, worker))
    else:
        world.engine.sweep = sweeping  # type: ignore[method-assign]  # right before the command
    await worker.reconcile()
    assert ends(world) == [(RolloutStatus.FAILED, "cancelled")]
    assert not [effect for effect in world.effects if effect.startswith("run ")]


async def test_rollback_is_refused_if_a_release_has_just_begun(world: World) -> None:
    """It begins while the rollback's questions are asked, and will replace the kept release."""
    await world.worker().reconcile()
    world.inbox.put(a_release("v1.2.0"))
    worker = world.worker()
    await worker.take_in()
    update, begun = world.journal.update, list[asyncio.Task[None]]()

    async def updating(change: Callable[[State], State], *, both: bool = False) -> State:
        if both and not begun:
            begun.append(asyncio.create_task(worker.reconcile()))
            while world.state.rollout is None:
                await world.clock.sleep(0.01)
        return await update(change, both=both)

    world.journal.update = updating  # type: ignore[method-assign]  # the moment before the write
    with pytest.raises(RolloutRunning):
        await Operator(world.ports, worker).roll_back(None)
    await begun[0]
    assert (world.state.last_good_tag, world.state.paused) == ("v1.2.0", False)
