"""The operator's commands, and their effect on traffic."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import replace

import pytest

from app.domain.errors import CannotRollBack, ReleaseNotKept, RolloutRunning, StaleWorker, TooLate, UnknownRollout
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color, Times
from app.domain.state import State
from app.domain.step import BAKE
from tests.examples import a_live, a_release, a_stack, sha_of
from tests.fakes.engine import FaultySocket
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from workers.control.operator import ENGINE_SECONDS, Operator
from workers.control.reconcile import Reconciler

NEW = a_release("v1.1.0")


@pytest.fixture
async def world() -> World:
    """v1.0.0 is live on blue; the drain outlasts the bake."""
    world = World(a_stack(times=Times(bake=5, drain=90)))
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


async def test_copies_of_an_earlier_attempt_drain_before_they_are_discarded(world: World) -> None:
    """Until the preflight, Traefik may have led to them."""
    world.engine.place("api-green", "v1.1.0")
    await world.clock.sleep(1)
    world.inbox.put(a_release("v1.1.0"))
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while not world.state.rollout or world.state.rollout.running_step != "preflight":
        await world.clock.sleep(0.01)
    await Operator(world.ports, worker).cancel("r-v1.1.0")
    cancelled = world.clock.monotonic()
    await rolling
    assert world.engine.at["stop api-green v1.1.0"] - cancelled >= world.stack.times.drain


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


@pytest.mark.parametrize("moments", range(8))
async def test_cancel_of_a_waiting_release_has_one_reason(world: World, moments: int) -> None:
    """Whenever the worker is killed: the release waits, or it never will and everyone can read why."""
    await world.journal.update(lambda s: s.pause("fix it"))
    world.inbox.put(NEW)
    world.fuse.light(moments)
    with contextlib.suppress(Crash):
        await Operator(world.ports, world.worker()).cancel(NEW.rollout_id)
    world.fuse.put_out()
    reported_first = bool(world.publisher.never and world.state.accepted)
    await world.worker().start()
    waits = bool(world.state.accepted or world.inbox.untaken)
    assert (reported_first, waits) == (False, not world.publisher.never)
    assert world.state.unreported == ()


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


async def test_rollback_with_todays_values_reads_the_kept_files(world: World) -> None:
    worker, operator = await go_live(world)
    await operator.roll_back(None, current_env=True)
    await worker.reconcile()
    assert (last(world).status, last(world).release.current_env) == (RolloutStatus.SUCCESS, True)
    assert world.engine.recalled_from == await world.source.checkout(sha_of("v1.0.0"))
    await operator.roll_back(None)
    await worker.reconcile()
    assert world.engine.recalled_from is None


async def test_todays_values_need_a_release_that_starts_anew(world: World) -> None:
    async with rolling_until(world, "bake") as operator:
        with pytest.raises(RolloutRunning, match="starts nothing"):
            await operator.roll_back(None, current_env=True)
    previous = world.state.previous
    assert previous is not None
    await world.journal.update(lambda state: replace(state, previous=replace(previous, adopted=True)))
    with pytest.raises(CannotRollBack, match="only its own containers can start again"):
        await operator.roll_back(None, current_env=True)


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


async def test_rollback_restarts_a_bot_that_is_shutting_down(world: World) -> None:
    world.engine.behave("bot", "v1.0.0", stop_seconds=10)
    for instance in await world.engine.find("bot"):
        world.engine._containers[instance.id].behaviour = world.engine._behaviour("bot", "v1.0.0")
    async with rolling_until(world, "restart_bot") as operator:
        await world.clock.sleep(1)
        assert await operator.roll_back(None) == NEW.rollout_id
    await world.clock.sleep(60)
    assert (last(world).status, world.engine.running("bot"), last(world).warnings) == (
        RolloutStatus.ROLLED_BACK,
        ["v1.0.0"],
        (),
    )


async def test_rollback_during_an_automatic_one_leaves_it_alone(world: World) -> None:
    world.engine.behave("api", "v1.1.0", dies_after=6)
    refusals: list[object] = []

    async def also() -> None:
        with pytest.raises(RolloutRunning):
            await Operator(world.ports, worker).roll_back(None)
        refusals.append(True)

    asked: list[asyncio.Task[None]] = []
    world.publisher.at_event("step.failed", lambda: asked.append(asyncio.create_task(also())))
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.reconcile()
    await asyncio.gather(*asked)
    assert refusals == [True]
    assert (last(world).status, last(world).reason_code, last(world).warnings) == (
        RolloutStatus.ROLLED_BACK,
        "bake_failed",
        (),
    )


@pytest.mark.parametrize(("call", "moment"), [("cancel", "health_skills"), ("roll_back", "bake")])
async def test_accepted_stop_survives_a_kill(world: World, call: str, moment: str) -> None:
    world.inbox.put(NEW)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while world.state.rollout is None or world.state.rollout.running_step != moment:
        await world.clock.sleep(0.05)
    operator = Operator(world.ports, worker)
    await (operator.cancel(NEW.rollout_id) if call == "cancel" else operator.roll_back(None))
    rolling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await rolling
    await world.worker().start()
    code = "cancelled" if call == "cancel" else "operator_rollback"
    assert (last(world).reason_code, world.route.served()[0]) == (code, Color.BLUE)
    assert world.state.current == a_live("v1.0.0")


async def test_rollback_at_the_very_end_of_the_bake_counts(world: World) -> None:
    """It is accepted while the end of the bake is being journaled."""
    worker = world.worker()
    asked: list[str] = []
    update = world.journal.update

    async def meanwhile(change: Callable[[State], State], *, both: bool = False) -> State:
        rollout = change(world.state).rollout
        if not asked and rollout is not None and BAKE in rollout.completed:
            asked.append("once")
            asked.append(await Operator(world.ports, worker).roll_back(None))
        return await update(change, both=both)

    world.journal.update = meanwhile  # type: ignore[method-assign]  # the moment before the write
    world.inbox.put(NEW)
    await worker.reconcile()
    assert (asked, last(world).reason_code) == (["once", NEW.rollout_id], "operator_rollback")
    assert (world.route.served()[0], world.engine.running("api-green")) == (Color.BLUE, [])


@pytest.mark.parametrize("call", ["pause", "cancel"])
async def test_call_right_before_the_begin_counts(world: World, call: str) -> None:
    """It is answered between the decision for a release and its begin."""
    worker = world.worker()
    operator = Operator(world.ports, worker)
    done: list[str] = []

    async def ask() -> None:
        await (operator.pause("wait") if call == "pause" else operator.cancel(NEW.rollout_id))
        done.append("before" if world.state.rollout is None else "during")

    see_route = worker._reality.see_route

    async def meanwhile() -> None:
        await ask()
        await see_route()

    worker._reality.see_route = meanwhile  # type: ignore[method-assign]  # the moment between the two
    world.inbox.put(NEW)
    await worker.reconcile()
    assert (done, world.publisher.results, world.effects) == (["before"], [], [])


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
    lose_images_of(world, "v1.0.0")
    with pytest.raises(ReleaseNotKept, match=r"v1\.0\.0 lacks skills-blue"):
        await operator.roll_back(None)
    await worker.reconcile()
    assert (last(world).release.tag, world.state.accepted) == ("v1.1.0", ())
    assert (world.route.served()[0], world.outages, world.state.paused) == (Color.GREEN, [], False)


@pytest.mark.parametrize("away", ["refuses", "hangs"])
async def test_rollback_is_accepted_while_the_engine_is_away(world: World, away: str) -> None:
    """The rollout finds out when the engine is back."""
    worker, operator = await go_live(world)
    lose_images_of(world, "v1.0.0")
    socket = world.engine.socket = FaultySocket(copy_context(), lambda: 0.0)
    if away == "refuses":
        socket.refuses = True
    else:
        socket.hang()
    began = world.clock.monotonic()
    await operator.roll_back(None)
    assert world.clock.monotonic() - began <= ENGINE_SECONDS
    socket.refuses = False
    socket.go_on()
    await worker.reconcile()
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.FAILED, "release_not_kept")
    assert (world.route.served()[0], world.outages, world.state.paused) == (Color.GREEN, [], True)


def lose_images_of(world: World, tag: str) -> None:
    world.engine.images = {(s, sha) for s, sha in world.engine.images if sha != sha_of(tag)}


async def hang(tag: str, approved: str | None = None) -> str:
    await World().clock.sleep(1e9)
    return tag


async def test_rollback_after_applying_the_live_tag_again(world: World) -> None:
    """The release before it was built for the other color only."""
    worker, operator = await go_live(world)
    world.inbox.put(a_release("v1.1.0", key="manual:r-2", rollout_id="r-2", force=True, after=1))
    await worker.reconcile()
    assert (last(world).id, last(world).status, last(world).warnings) == ("r-2", RolloutStatus.SUCCESS, ())
    await operator.roll_back(None)
    await worker.reconcile()
    assert (last(world).status, world.state.current and world.state.current.tag) == (RolloutStatus.SUCCESS, "v1.0.0")
    assert world.outages == []


@pytest.mark.parametrize("again", ["start", "reconcile"])
async def test_call_reaches_a_rollout_that_is_recovered(world: World, again: str) -> None:
    """A rollback during the recovery turns that rollout back; it does not aim at the release before the live one."""
    world.inbox.put(NEW)
    rolling = asyncio.create_task(world.worker().reconcile())
    while world.state.rollout is None or world.state.rollout.running_step != "bake":
        await world.clock.sleep(0.05)
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)
    worker = world.worker()
    recovering = asyncio.create_task(worker.start() if again == "start" else worker.reconcile())
    while worker.running is None or worker.running.rollout.running_step != "bake":
        await world.clock.sleep(0.05)
    operator = Operator(world.ports, worker)
    with pytest.raises(TooLate):
        await operator.cancel(NEW.rollout_id)
    assert await operator.roll_back(None) == NEW.rollout_id
    await recovering
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.ROLLED_BACK, "operator_rollback")
    assert (world.state.current, world.outages) == (a_live("v1.0.0"), [])


async def test_call_before_the_recovery_is_refused(world: World) -> None:
    """The worker has just started: nothing can stop the rollout yet, and a rollback must not aim past it."""
    world.inbox.put(NEW)
    rolling = asyncio.create_task(world.worker().reconcile())
    while world.state.rollout is None or world.state.rollout.running_step != "health_skills":
        await world.clock.sleep(0.05)
    rolling.cancel()
    await asyncio.gather(rolling, return_exceptions=True)
    operator = Operator(world.ports, world.worker())
    with pytest.raises(RolloutRunning, match="Ask again"):
        await operator.cancel(NEW.rollout_id)
    with pytest.raises(RolloutRunning, match="Ask again"):
        await operator.roll_back(None)
    assert world.state.accepted == ()


async def test_replaced_worker_answers_no_call(world: World) -> None:
    """It was suspended, and does not know what runs now."""
    operator = Operator(world.ports, world.worker())
    world.journal.epoch = 99
    with pytest.raises(StaleWorker):
        await operator.cancel(NEW.rollout_id)
    with pytest.raises(StaleWorker):
        await operator.roll_back(None)
