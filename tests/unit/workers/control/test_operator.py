"""The operator's commands, and their effect on traffic."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.domain.errors import ReleaseNotKept, RolloutRunning, TooLate, UnknownRollout
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color, Times
from tests.examples import a_live, a_release, a_stack, sha_of
from tests.fakes.world import World
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler

NEW = a_release("v1.1.0")


@pytest.fixture
async def world() -> World:
    """v1.0.0 is live on blue; the drain outlasts the bake."""
    world = World(a_stack(times=Times(drain=90)))
    await world.live("v1.0.0")
    return world


def last(world: World) -> Rollout:
    return world.publisher.results[-1][0]


async def go_live(world: World, tag: str = "v1.1.0") -> tuple[Reconciler, Operator]:
    world.inbox.put(a_release(tag))
    worker = world.worker()
    await worker.reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    return worker, Operator(world.ports, worker)


@asynccontextmanager
async def rolling_until(world: World, moment: str) -> AsyncIterator[Operator]:
    """Roll v1.1.0 out until the effect or step `moment`; the rollout ends with the block."""
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while not rolling.done() and moment not in {
        *world.effects,
        world.state.rollout and world.state.rollout.running_step,
    }:
        await world.clock.sleep(0.1)
    yield Operator(world.ports, worker)
    await rolling


async def test_pause_stops_only_new_rollouts(world: World) -> None:
    async with rolling_until(world, "start api-green v1.1.0") as operator:
        await operator.pause("the database is being moved")
    assert last(world).status is RolloutStatus.SUCCESS
    world.inbox.put(a_release("v1.2.0"))
    await world.worker().reconcile()
    assert (world.state.pause_reason, len(world.publisher.results)) == ("the database is being moved", 1)


async def test_unpause_is_refused_while_a_rollout_runs(world: World) -> None:
    async with rolling_until(world, "start api-green v1.1.0") as operator:
        with pytest.raises(RolloutRunning):
            await operator.unpause()


# Cancel


async def test_cancel_before_the_flip_changes_nothing(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    async with rolling_until(world, "start api-green v1.1.0") as operator:
        await operator.cancel(NEW.rollout_id)
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.FAILED, "cancelled")
    assert (world.route.served()[0], world.engine.running("api-green")) == (Color.BLUE, [])
    assert (world.state.paused, world.state.current, world.outages) == (False, a_live("v1.0.0"), [])


async def test_cancelled_build_ends_at_once(world: World) -> None:
    world.source.fetch = hang  # type: ignore[method-assign]  # breaks a fake
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while world.state.rollout is None or world.state.rollout.running_step != "git_fetch_tags":
        await world.clock.sleep(0.1)
    before = world.clock.monotonic()
    await Operator(world.ports, worker).cancel(NEW.rollout_id)
    await rolling
    assert (last(world).reason_code, world.clock.monotonic() - before < 1) == ("cancelled", True)


@pytest.mark.parametrize("effect", ["route green", "start bot v1.1.0", "stop_old_color"])
async def test_cancel_is_refused_after_the_flip(world: World, effect: str) -> None:
    async with rolling_until(world, effect) as operator:
        with pytest.raises(TooLate):
            await operator.cancel(NEW.rollout_id)
    assert last(world).status is RolloutStatus.SUCCESS


async def test_cancelled_waiting_release_never_starts(world: World) -> None:
    await world.journal.update(lambda s: s.pause("fix it"))
    world.inbox.put(NEW)
    worker = world.worker()
    await Operator(world.ports, worker).cancel(NEW.rollout_id)
    assert (world.state.accepted, world.publisher.never) == ((), [("v1.1.0", "before it began")])
    world.inbox.put(NEW)
    await worker.reconcile()
    assert world.publisher.results == []


async def test_cancel_of_an_unknown_rollout_is_refused(world: World) -> None:
    with pytest.raises(UnknownRollout):
        await Operator(world.ports, world.worker()).cancel("r-none")


# Roll back


async def test_rollback_skips_the_build_and_pauses(world: World) -> None:
    worker, operator = await go_live(world)
    builds = len([line for _, line in world.publisher.lines if line.startswith("building")])
    rollout_id = await operator.roll_back(None)
    await worker.reconcile()
    ended = last(world)
    assert (ended.id, ended.status, ended.release.tag, ended.sha) == (
        rollout_id,
        RolloutStatus.SUCCESS,
        "v1.0.0",
        sha_of("v1.0.0"),
    )
    assert ended.steps_completed[:2] == ["preflight", "recall_release"]
    assert len([line for _, line in world.publisher.lines if line.startswith("building")]) == builds
    assert (world.route.served()[0], world.engine.running("bot"), world.outages) == (Color.BLUE, ["v1.0.0"], [])
    assert (world.state.last_good_tag, world.state.previous and world.state.previous.tag) == ("v1.0.0", "v1.1.0")
    assert world.state.paused
    assert "v1.0.0, which is live" in str(world.state.pause_reason)
    world.inbox.put(a_release("v1.2.0"))
    await worker.reconcile()
    assert [r.tag for r in world.state.accepted] == ["v1.2.0"]


async def test_repeated_rollbacks_use_kept_releases(world: World) -> None:
    worker, operator = await go_live(world)
    for tag in ("v1.0.0", "v1.1.0", "v1.0.0"):
        await operator.roll_back(sha_of(tag)[:12])
        await worker.reconcile()
        assert (last(world).status, world.state.current and world.state.current.tag) == (RolloutStatus.SUCCESS, tag)
        assert world.engine.running("bot") == [tag]
    assert world.outages == []


async def test_rollback_works_while_paused_or_unhealthy(world: World) -> None:
    worker, operator = await go_live(world)
    await operator.pause("v1.1.0 answers nonsense")
    for instance in await world.engine.find("api-green"):
        await world.engine.stop(instance.id, 1)
    world.outages.clear()
    await operator.roll_back(None)
    await worker.reconcile()
    assert (last(world).status, world.route.served()[0]) == (RolloutStatus.SUCCESS, Color.BLUE)


async def test_rollback_interrupts_a_rollout_on_trial(world: World) -> None:
    async with rolling_until(world, "start bot v1.1.0") as operator:
        assert await operator.roll_back(None) == NEW.rollout_id
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.ROLLED_BACK, "operator_rollback")
    assert (world.route.served()[0], world.engine.running("bot")) == (Color.BLUE, ["v1.0.0"])
    assert world.state.paused
    assert world.outages == []


@pytest.mark.parametrize("effect", ["start api-green v1.1.0", "stop_old_color"])
async def test_rollback_is_refused_outside_the_trial(world: World, effect: str) -> None:
    async with rolling_until(world, effect) as operator:
        with pytest.raises(RolloutRunning):
            await operator.roll_back(None)
    assert last(world).status is RolloutStatus.SUCCESS


@pytest.mark.parametrize(
    ("sha", "says"),
    [
        ("abc", "too short"),
        (sha_of("v1.1.0")[:12], "already live"),
        ("f" * 40, "is not kept"),
    ],
)
async def test_rollback_refuses_a_release_not_kept(world: World, sha: str, says: str) -> None:
    _, operator = await go_live(world)
    with pytest.raises(ReleaseNotKept, match=says):
        await operator.roll_back(sha)


async def test_rollback_needs_a_previous_release(world: World) -> None:
    with pytest.raises(ReleaseNotKept, match="no release was live before"):
        await Operator(world.ports, world.worker()).roll_back(None)


async def test_rollback_without_image_changes_nothing(world: World) -> None:
    worker, operator = await go_live(world)
    world.engine.images = {(s, sha) for s, sha in world.engine.images if sha != sha_of("v1.0.0")}
    await operator.roll_back(None)
    await worker.reconcile()
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.FAILED, "release_not_kept")
    assert (world.route.served()[0], world.outages, world.state.paused) == (Color.GREEN, [], True)


async def hang(tag: str) -> str:
    await World().clock.sleep(1e9)
    return tag
