"""Calls that are acknowledged while the end of a step is being journaled, so that the rollout is about to be undone."""

from collections.abc import Awaitable, Callable

import pytest

from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from app.domain.state import State
from tests.examples import a_live, a_release
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


def ask_at_the_failure(world: World, ask: Callable[[], Awaitable[object]]) -> list[object]:
    """Asks once, when a step has failed and that waits to be written. Returns the answer."""
    update, answers = world.journal.update, list[object]()

    async def updating(change: Callable[[State], State]) -> State:
        rollout = change(world.state).rollout
        if not answers and rollout is not None and rollout.failed_step is not None:
            answers.append("asked")
            answers[0] = await ask()
        return await update(change)

    world.journal.update = updating  # type: ignore[method-assign]  # the moment before the write
    return answers


async def cancelled(world: World, worker: Reconciler) -> None:
    await Operator(world.ports, worker).cancel(NEW.rollout_id)


def ends(world: World) -> list[tuple[RolloutStatus, str | None]]:
    return [(rollout.status, rollout.reason_code) for rollout, _ in world.publisher.results]


def last(world: World) -> Rollout:
    return world.publisher.results[-1][0]


async def test_cancel_at_a_loss_of_the_engine_counts(world: World) -> None:
    """The release is not attempted again."""
    worker = world.worker()
    asked = ask_at_the_failure(world, lambda: cancelled(world, worker))
    world.engine.goes_away = ["build v1.1.0"]
    await worker.reconcile()
    assert ends(world) == [(RolloutStatus.FAILED, "cancelled")]
    assert (asked, world.state.accepted, world.state.current) == ([None], (), a_live("v1.0.0"))


async def test_cancel_as_the_recovery_begins_counts(world: World) -> None:
    await crash_after(world, "start_api")
    worker = world.worker()
    asked = ask_at_the_failure(world, lambda: cancelled(world, worker))
    await worker.start()
    await worker.reconcile()
    assert ends(world) == [(RolloutStatus.FAILED, "cancelled")]
    assert (asked, world.state.accepted, world.state.current) == ([None], (), a_live("v1.0.0"))


async def test_forced_rollback_at_a_failure_counts(world: World) -> None:
    """Without it, a release that cannot be rolled back would stay."""
    worker = world.worker()
    world.engine.one_ways = {"v1.1.0"}
    world.engine.behave("api", "v1.1.0", dies_after=20)
    asked = ask_at_the_failure(world, lambda: Operator(world.ports, worker).roll_back(None, force=True))
    await worker.reconcile()
    assert ends(world) == [(RolloutStatus.ROLLED_BACK, "operator_rollback")]
    assert (asked, world.route.served()[0], last(world).failed_step) == ([NEW.rollout_id], Color.BLUE, "bake")
