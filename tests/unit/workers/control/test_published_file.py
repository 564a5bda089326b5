"""The published Compose file follows the live release, also if the rollout could not publish it."""

import pytest

from app.domain.stack import Color
from tests.examples import a_release, sha_of
from tests.fakes.world import World
from workers.control.reconcile import Reconciler

FIRST, SECOND = (sha_of("v1.1.0"), Color.GREEN), (sha_of("v1.2.0"), Color.BLUE)


@pytest.fixture
async def worker(world: World) -> Reconciler:
    """v1.1.0 is live and published; the engine goes away while the rollout of v1.2.0 publishes."""
    worker = world.worker()
    world.inbox.put(a_release("v1.1.0"))
    await worker.reconcile()
    assert world.engine.published == FIRST
    world.engine.goes_away = ["publish"]
    world.inbox.put(a_release("v1.2.0", after=1))
    await worker.reconcile()
    assert (world.state.last_good_tag, world.engine.published) == ("v1.2.0", FIRST)
    return worker


async def test_next_look_publishes_the_live_release(world: World, worker: Reconciler) -> None:
    await worker.reconcile()
    assert world.engine.published == SECOND


async def test_next_start_publishes_the_live_release(world: World, worker: Reconciler) -> None:
    await world.worker().start()
    assert world.engine.published == SECOND


async def test_other_color_of_the_release_is_published(world: World, worker: Reconciler) -> None:
    world.engine.published = (SECOND[0], Color.GREEN)
    await worker.reconcile()
    assert world.engine.published == SECOND


async def test_published_release_is_not_published_again(world: World, worker: Reconciler) -> None:
    await worker.reconcile()
    world.engine.goes_away = ["publish"]
    await worker.reconcile()
    assert world.engine.goes_away == ["publish"]


async def test_absent_engine_ends_no_look(world: World, worker: Reconciler) -> None:
    world.engine.goes_away = ["publish"]
    await worker.reconcile()
    assert world.engine.published == FIRST
    await worker.reconcile()
    assert world.engine.published == SECOND
