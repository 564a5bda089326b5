"""A release that declares that it cannot be rolled back: only an operator can force a rollback."""

import asyncio
import contextlib

import pytest

from app.domain.errors import CannotRollBack
from app.domain.notices.notice import Kind
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from tests.examples import a_live, a_release, sha_of
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from tests.unit.workers.rollout.test_recovery import (
    AFTER_THE_FLIP,
    crash_after,
    power_on,
    running,
    start_again,
)
from workers.control.operator import Operator
from workers.inspect.plan import plan
from workers.watchdogs.drift_watch import DriftWatch


@pytest.fixture
async def world() -> World:
    """v1.0.0 is live on blue; v1.1.0 cannot be rolled back."""
    return await a_world()


async def a_world() -> World:
    world = World()
    await world.live("v1.0.0")
    world.engine.one_ways = {"v1.1.0"}
    world.inbox.put(a_release())
    return world


def last(world: World) -> Rollout:
    return world.publisher.kept[-1][0]


def assert_it_stays_live(world: World) -> None:
    """v1.1.0 is live with all traffic, no rollout starts, and the pause reason explains why."""
    assert (last(world).status, last(world).stays) == (RolloutStatus.FAILED, True)
    assert world.route.served()[0] is Color.GREEN
    assert world.state.active_color is Color.GREEN
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.previous) == ("v1.1.0", a_live("v1.0.0"))
    assert (world.state.last_good_tag, world.state.rollout, world.state.paused) == ("v1.0.0", None, True)
    assert "traffic stays on it (green)" in str(world.state.pause_reason)
    assert "route blue" not in world.effects
    assert world.engine.published == (sha_of("v1.1.0"), Color.GREEN)


async def test_one_way_release_goes_live(world: World) -> None:
    await world.worker().reconcile()
    assert (last(world).status, last(world).one_way) == (RolloutStatus.SUCCESS, True)
    assert not world.state.is_unwell


async def test_failure_before_flip_keeps_old_release(world: World) -> None:
    world.engine.behave("api", "v1.1.0", status=500)
    await world.worker().reconcile()
    assert (last(world).status, last(world).stays, world.state.current) == (
        RolloutStatus.FAILED,
        False,
        a_live("v1.0.0"),
    )
    assert running(world, Color.GREEN) == [[], []]


async def test_bake_failure_keeps_the_new_color_live(world: World) -> None:
    world.engine.behave("api", "v1.1.0", dies_after=6)
    await world.worker().reconcile()
    assert_it_stays_live(world)
    assert last(world).failed_step == "bake"
    assert running(world, Color.BLUE) == [[], []]
    assert len(await world.engine.find("api-blue")) == 1, "the old color is stopped, not removed"
    assert world.engine.running("bot") == ["v1.1.0"]


async def test_unreadable_route_keeps_the_new_color_live(world: World) -> None:
    """It may lead to the new color."""
    world.engine.behave("api", "v1.1.0", dies_after=6)
    world.publisher.at_event("step.failed", lambda: setattr(world.route, "unreadable", True))
    await world.worker().reconcile()
    assert_it_stays_live(world)


async def test_release_that_never_got_the_traffic_does_not_stay(world: World) -> None:
    """The flip fails, and the route file cannot be read for 20 s: it may lead to the new color, but does not."""
    world.route.refuses = {Color.GREEN}

    def unreadable() -> None:
        world.route.unreadable = True
        asyncio.get_running_loop().call_later(20, setattr, world.route, "unreadable", False)

    world.publisher.at_event("step.failed", unreadable)
    await world.worker().reconcile()
    assert (last(world).status, last(world).stays) == (RolloutStatus.ROLLED_BACK, False)
    assert (world.state.current, world.state.active_color) == (a_live("v1.0.0"), Color.BLUE)
    assert world.route.served()[0] is Color.BLUE
    assert running(world, Color.GREEN) == [[], []]


async def test_bot_failure_keeps_the_new_color_live(world: World) -> None:
    world.engine.behave("bot", "v1.1.0", status=500)
    await world.worker().reconcile()
    assert_it_stays_live(world)
    assert "v1.0.0" not in world.engine.running("bot")


async def test_unconfirmed_route_keeps_both_colors(world: World) -> None:
    world.route.deaf = True
    await world.worker().reconcile()
    assert (last(world).status, last(world).stays) == (RolloutStatus.FAILED, True)
    assert running(world, Color.BLUE) == [["v1.0.0"], ["v1.0.0"]]
    assert running(world, Color.GREEN) == [["v1.1.0"], ["v1.1.0"]]
    assert "Check Traefik first" in str(world.state.pause_reason)


async def test_unmoved_route_keeps_the_old_release(world: World) -> None:
    world.route.refuses = {Color.GREEN}
    await world.worker().reconcile()
    assert (last(world).stays, world.route.served()[0]) == (False, Color.BLUE)
    assert world.state.current == a_live("v1.0.0")


async def test_failed_live_release_alarms_until_fixed(world: World) -> None:
    world.engine.behave("bot", "v1.1.0", status=500)
    worker = world.worker()
    await worker.reconcile()
    watch = DriftWatch(world.stack, world.ports, worker)
    await watch.look()
    assert "cannot_roll_back" in world.publisher.alarmed[-1]
    by_kind = {notice.kind: notice for notice in world.notifier.notices}
    assert by_kind[Kind.FAILED].title == "shop: v1.1.0 failed and stays live; releases are paused"
    assert "updater rollback --force" in by_kind[Kind.ALARM].text
    await Operator(world.ports, worker).unpause()
    world.inbox.put(a_release("v1.2.0"))
    await worker.reconcile()
    await watch.look()
    assert (last(world).status, last(world).release.tag) == (RolloutStatus.SUCCESS, "v1.2.0")
    assert world.publisher.alarmed[-1] == []


@pytest.mark.parametrize("step", AFTER_THE_FLIP[1:])
async def test_interrupted_unhealthy_release_stays_live(world: World, step: str) -> None:
    world.engine.behave("api", "v1.1.0", dies_after=100)
    await crash_after(world, step)
    await start_again(world)
    assert_it_stays_live(world)


@pytest.mark.parametrize("dies_after", [6.0, None], ids=["bad", "good"])
async def test_killed_worker_never_moves_the_route_back(dies_after: float | None) -> None:
    world = await a_world()
    world.engine.behave("api", "v1.1.0", dies_after=dies_after)
    await world.worker().reconcile()
    for moment in range(world.fuse.burnt):
        world = await a_world()
        world.engine.behave("api", "v1.1.0", dies_after=dies_after)
        world.fuse.light(moment)
        with contextlib.suppress(Crash):
            await world.worker().reconcile()
        await power_on(world)
        await start_again(world)
        since = world.effects[world.effects.index("route green") :] if "route green" in world.effects else []
        assert "route blue" not in since, f"killed at moment {moment}"
        assert world.state.rollout is None
        if "route green" in world.effects and dies_after:
            assert_it_stays_live(world)
        if not dies_after:
            assert world.state.current is not None
            assert (world.state.current.tag, world.state.paused) == ("v1.1.0", False), f"killed at moment {moment}"


async def test_operator_rollback_needs_force(world: World) -> None:
    worker = world.worker()
    await worker.reconcile()
    operator = Operator(world.ports, worker)
    with pytest.raises(CannotRollBack, match="may not understand what"):
        await operator.roll_back(None)
    assert world.state.accepted == ()
    await operator.roll_back(None, force=True)
    await worker.reconcile()
    assert (last(world).release.tag, last(world).status) == ("v1.0.0", RolloutStatus.SUCCESS)


@pytest.mark.parametrize("force", [True, False])
async def test_rollback_during_the_trial_needs_force(world: World, force: bool) -> None:
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while world.state.rollout is None or world.state.rollout.running_step != "bake":
        await world.clock.sleep(0.1)
    operator = Operator(world.ports, worker)
    if force:
        await operator.roll_back(None, force=True)
    else:
        with pytest.raises(CannotRollBack):
            await operator.roll_back(None)
    await rolling
    assert last(world).status is (RolloutStatus.ROLLED_BACK if force else RolloutStatus.SUCCESS)
    assert world.route.served()[0] is (Color.BLUE if force else Color.GREEN)


async def test_plan_warns_that_rollback_is_impossible(world: World) -> None:
    planned = (await plan(world.stack, world.ports, "v1.1.0")).as_json()
    assert planned["rollback"] == "never"
    assert "v1.1.0 cannot be rolled back" in planned["warnings"][0]
    assert (await plan(world.stack, world.ports, "v1.2.0")).as_json()["rollback"] == "allowed"
