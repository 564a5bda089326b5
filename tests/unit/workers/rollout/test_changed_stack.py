"""The stack file grows, shrinks and renames while an older release is live: rollout, rollback, recovery and watch."""

import contextlib
from dataclasses import replace

import pytest

from app.domain.errors import CannotRollBack
from app.domain.release_stack import names_of
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.routing.probe_request import route_requests
from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color, Follower, Singleton, Stack, Times
from tests.examples import a_release, a_routed, a_stack, sha_of
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.inspect.doctor import examine
from workers.inspect.plan import plan
from workers.inspect.rollback_plan import rollback_plan
from workers.watchdogs.drift_watch import DriftWatch

BEFORE = a_stack(times=Times(bake=5, drain=3))
SKILLS, API = BEFORE.routed
MAIL = a_routed("mail", 8070, "/", ClientRoute("web", "PathPrefix(`/mail`)"))
APP = replace(API, colors={Color.BLUE: "app-blue", Color.GREEN: "app-green"})
BOT, CRON = Singleton("bot", "bot"), Singleton("cron", "cron")

CHANGES = {
    "routed added": replace(BEFORE, routed=(*BEFORE.routed, MAIL)),
    "routed removed": replace(BEFORE, routed=(SKILLS,)),
    "routed exchanged": replace(BEFORE, routed=(SKILLS, MAIL)),
    "colors renamed": replace(BEFORE, routed=(SKILLS, APP)),
    "singleton added": replace(BEFORE, singletons=(BOT, CRON)),
    "singleton removed": replace(BEFORE, singletons=()),
    "singleton renamed": replace(BEFORE, singletons=(Singleton("bot", "discord"),)),
    "singleton becomes routed": replace(
        BEFORE,
        routed=(*BEFORE.routed, a_routed("bot", 8070, "/", ClientRoute("web", "PathPrefix(`/bot`)"))),
        singletons=(),
    ),
}


async def live(stack: Stack = BEFORE) -> World:
    """v1.0.0 is live on blue, by a rollout."""
    world = World(stack)
    await roll_out(world, "v1.0.0")
    assert world.state.active_color is Color.BLUE
    return world


async def roll_out(world: World, tag: str) -> tuple[Reconciler, Rollout]:
    world.inbox.put(a_release(tag))
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    return worker, world.publisher.results[-1][0]


async def roll_back(world: World, worker: Reconciler) -> Rollout:
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    return world.publisher.results[-1][0]


async def watched(world: World) -> list[str]:
    """What the watch reports at its second look: the first one may correct the routes."""
    worker = world.worker()
    await worker.start()
    watch = DriftWatch(world.stack, world.ports, worker)
    for _ in range(2):
        await watch.look()
        await world.clock.sleep(2)
    return world.publisher.alarmed[-1]


async def answering(world: World, stack: Stack) -> set[str]:
    """The routed services of `stack` that answer clients."""
    asked = [(s.name, await world.probe.ask(each)) for s in stack.routed for each in route_requests(stack, s)]
    return {name for name, answer in asked if answer.status == 200}


def running(world: World) -> set[str]:
    return world.engine.up()


def names(stack: Stack) -> set[str]:
    return {each.name for each in stack.routed}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_stack_touches_nothing_live(change: str) -> None:
    world, after = await live(), CHANGES[change]
    before = running(world)
    world.effects.clear()
    world.restack(after)
    assert await watched(world) == []
    assert {effect for effect in world.effects if not effect.startswith("route ")} == set()
    assert running(world) == before
    assert await answering(world, after) == names(after) & names(BEFORE)
    assert world.outages == []


async def test_a_renamed_singleton_never_runs_twice() -> None:
    world = await live()
    world.restack(CHANGES["singleton renamed"])
    look, both = world.engine.watcher, list[str]()

    def watcher(effect: str) -> None:
        look(effect)
        both.extend([effect] if {"bot", "discord"} <= running(world) else [])

    world.engine.watcher = watcher
    worker, _ = await roll_out(world, "v1.1.0")
    assert running(world) >= {"discord"}
    await roll_back(world, worker)
    assert running(world) >= {"bot"}
    assert both == []


TWO = replace(BEFORE, singletons=(BOT, CRON))
BOTH_RENAMED = replace(TWO, singletons=(Singleton("bot", "discord"), Singleton("cron", "timer")))
RENAMED_AGAIN = replace(TWO, singletons=(Singleton("bot", "chat"), Singleton("cron", "clock")))


async def stays_before_its_hand_over(world: World, tag: str) -> None:
    """The release fails as it hands over the bot, the first singleton, and cannot be rolled back."""
    world.engine.one_ways.add(tag)
    world.engine.behave(world.stack.singletons[0].service, tag, status=500)
    _, ended = await roll_out(world, tag)
    assert ended.stays
    await Operator(world.ports, world.worker()).unpause()


def cron_services(world: World) -> set[str]:
    return running(world) & {"cron", "timer", "clock"}


@pytest.mark.parametrize("stay", [1, 2])
async def test_a_singleton_renamed_by_a_release_that_stays_never_runs_twice(stay: int) -> None:
    """That release did not reach the hand-over, so the singleton of a release before it still runs."""
    world = await live(TWO)
    look, both = world.engine.watcher, list[set[str]]()

    def watcher(effect: str) -> None:
        look(effect)
        both.extend([cron_services(world)] if len(cron_services(world)) > 1 else [])

    world.engine.watcher = watcher
    for tag, stack in list({"v1.1.0": BOTH_RENAMED, "v1.2.0": RENAMED_AGAIN}.items())[:stay]:
        world.restack(stack)
        await stays_before_its_hand_over(world, tag)
        assert cron_services(world) == {"cron"}
        assert "singleton_doubled" not in await watched(world)
    world.source.tags["v1.3.0"] = sha_of("v1.3.0")
    _, ended = await roll_out(world, "v1.3.0")
    assert ended.status is RolloutStatus.SUCCESS, ended.error
    assert both == []
    assert cron_services(world) == {world.stack.singletons[1].service}


async def test_a_singleton_under_its_old_name_gets_all_of_its_grace() -> None:
    world = await live(TWO)
    world.restack(BOTH_RENAMED)
    await stays_before_its_hand_over(world, "v1.1.0")
    (old,) = world.engine.containers("cron")
    old.behaviour = replace(old.behaviour, stop_seconds=850.0, stop_grace=900.0)
    _, ended = await roll_out(world, "v1.2.0")
    assert ended.status is RolloutStatus.SUCCESS, ended.error
    assert world.engine.at["stop cron v1.0.0"] - world.engine.at["ask to stop cron v1.0.0"] == pytest.approx(850)


async def test_no_alarm_asks_to_start_a_singleton_that_runs_under_its_old_name() -> None:
    world = await live(TWO)
    world.restack(BOTH_RENAMED)
    await stays_before_its_hand_over(world, "v1.1.0")
    assert "singleton_gone" not in await watched(world)


async def test_a_follower_renamed_by_a_release_that_stays_runs_as_one_release() -> None:
    """The release failed before it replaced the follower."""
    with_queue = replace(BEFORE, followers=(Follower("queue", "worker"),))
    world = await live(with_queue)
    world.restack(replace(with_queue, followers=(Follower("queue", "consumer"),)))
    await stays_before_its_hand_over(world, "v1.1.0")
    assert await watched(world) == ["cannot_roll_back"]
    assert ["follower_outdated", "cannot_roll_back"] in [sorted(a, reverse=True) for a in world.publisher.alarmed]
    assert running(world) & {"worker", "consumer"} == {"consumer"}


@pytest.mark.parametrize("change", CHANGES)
async def test_the_next_release_goes_live_and_back(change: str) -> None:
    world, after = await live(), CHANGES[change]
    world.restack(after)
    assert await watched(world) == []
    if change == "singleton becomes routed":
        world.engine.by_hand(stop=["bot"])
    worker, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.SUCCESS, ended.error
    assert await watched(world) == []
    assert await answering(world, after) == names(after)
    left = {"routed removed": {"api-blue"}, "routed exchanged": {"api-blue"}, "singleton removed": {"bot"}}
    assert running(world) == {*after.services(Color.GREEN), *left.get(change, ())}

    back = await roll_back(world, worker)
    assert back.status is RolloutStatus.SUCCESS, back.error
    assert await watched(world) == []
    both = names(after) & names(BEFORE)
    assert await answering(world, after) == both
    kept = [s for s in BEFORE.routed if s.name in both]
    singles = {s.service for s in BEFORE.singletons if s.name in {each.name for each in after.singletons}}
    assert running(world) == {*(s.colors[Color.BLUE] for s in kept), *singles, *left.get(change, ())}
    assert world.outages == []


async def test_a_rollback_says_what_it_lacks() -> None:
    world = await live()
    world.restack(replace(BEFORE, routed=(*BEFORE.routed, MAIL), singletons=(BOT, CRON)))
    first = await plan(world.stack, world.ports, "v1.1.0")
    assert any("v1.0.0 does not have mail, cron" in text for text in first.warnings)
    worker, _ = await roll_out(world, "v1.1.0")
    planned = await rollback_plan(world.stack, world.ports, None)
    assert (planned.lacks, planned.would_start, planned.blocked_by) == (("mail", "cron"), True, ())
    back = await roll_back(world, worker)
    assert any("v1.0.0 lacks mail, cron" in warning for warning in back.warnings)


async def test_a_release_without_routes_is_no_way_back() -> None:
    world = await live()
    world.restack(replace(BEFORE, routed=(MAIL,)))
    assert await watched(world) == ["routes_unknown"]
    assert await answering(world, BEFORE) == names(BEFORE), "its routes stay as they are"
    _, ended = await roll_out(world, "v1.1.0")
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "preflight_refused")
    assert "v1.0.0 has none of the routed services" in str(ended.error)
    assert await answering(world, BEFORE) == names(BEFORE)


async def test_nothing_returns_to_a_release_without_routes() -> None:
    world = await live()
    world.restack(replace(BEFORE, routed=(*BEFORE.routed, MAIL)))
    await roll_out(world, "v1.1.0")
    world.restack(replace(BEFORE, routed=(MAIL,)))
    worker = world.worker()
    await worker.start()
    assert (await rollback_plan(world.stack, world.ports, None)).would_start is False
    with pytest.raises(CannotRollBack, match=r"v1\.0\.0 has none of the routed services"):
        await Operator(world.ports, worker).roll_back(None)


@pytest.mark.parametrize("force", [False, True])
async def test_a_routed_service_never_runs_beside_its_singleton(force: bool) -> None:
    world = await live()
    world.restack(replace(BEFORE, routed=(SKILLS,), singletons=(BOT, Singleton("api", "api"))))
    world.inbox.put(replace(a_release("v1.1.0"), force=force))
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    ended = world.publisher.results[-1][0]
    assert ended.reason_code == "preflight_refused"
    assert "docker compose stop api-blue" in str(ended.error)
    assert running(world) == {*BEFORE.services(Color.BLUE)}


@pytest.mark.parametrize("change", ["routed added", "routed removed", "colors renamed", "singleton renamed"])
async def test_a_failed_release_leaves_the_old_stack(change: str) -> None:
    world, after = await live(), CHANGES[change]
    world.restack(after)
    await watched(world)
    for service in ("bot", "discord"):
        world.engine.behave(service, "v1.1.0", check_passes=False)
    before = running(world)
    _, ended = await roll_out(world, "v1.1.0")
    assert ended.status is RolloutStatus.ROLLED_BACK, ended.error
    assert running(world) == before
    assert await answering(world, after) == names(after) & names(BEFORE)
    assert await watched(world) == []
    assert world.outages == []


@pytest.mark.parametrize("change", CHANGES)
async def test_doctor_names_what_nothing_stops(change: str) -> None:
    world, after = await live(), CHANGES[change]
    world.restack(after)
    found = {check.name: check for check in await examine(after, world.ports)}
    left = {
        "routed removed": "left_api-blue",
        "routed exchanged": "left_api-blue",
        "singleton removed": "left_bot",
        "singleton becomes routed": "left_bot",
    }
    assert {name for name in found if name.startswith("left_")} == {left[change]} if change in left else True
    if change in left:
        assert "docker stop" in found[left[change]].remedy
    new = {name.removeprefix("new_") for name in found if name.startswith("new_")}
    assert new == {each for each in names_of(after).values() if each not in names_of(BEFORE).values()} | (
        {"bot"} if change == "singleton becomes routed" else set()
    )


@pytest.mark.parametrize("moment", ["start skills-green v1.1.0", "route green", "start bot v1.1.0"])
@pytest.mark.parametrize("now", ["routed added", "routed removed", "colors renamed", "singleton added"])
async def test_an_interrupted_rollout_ends_after_a_change(moment: str, now: str) -> None:
    """The worker is killed in the rollout of v1.1.0; the operator changes the stack file before it starts again."""
    world = await live()
    world.inbox.put(a_release("v1.1.0"))
    world.engine.watcher = lambda effect: world.fuse.light(0) if effect == moment else None
    worker = world.worker()
    with contextlib.suppress(Crash):
        await worker.start()
        await worker.reconcile()
    world.fuse.put_out()
    world.engine.watcher = world._look
    world.restack(CHANGES[now])
    worker = world.worker()
    await worker.start()
    await worker.reconcile()
    assert world.state.rollout is None
    results = [result.reason_code for result, _ in world.publisher.results]
    assert "internal_error" not in results
    assert world.outages == []
    assert set(await watched(world)) <= {"singleton_gone"}


@pytest.mark.parametrize("change", ["routed added", "routed removed", "colors renamed", "singleton added"])
async def test_a_lost_journal_is_rebuilt_after_a_change(change: str) -> None:
    world = await live()
    world.restack(CHANGES[change])
    world.journal.lose(None)
    await world.worker().start()
    state = world.state
    assert (state.active_color, state.current and state.current.tag) == (Color.BLUE, "v1.0.0")
    assert state.current
    assert state.current.sha == sha_of("v1.0.0")


@pytest.mark.parametrize("good", [True, False])
async def test_a_service_that_nothing_moved_becomes_a_singleton(good: bool) -> None:
    """The operator's own cron runs. The release replaces it, and puts it back if it fails."""
    world = await live()
    world.restack(CHANGES["singleton added"])
    world.engine.start_by_hand("cron", "v0.9.0")
    assert await watched(world) == [], "it is not the updater's yet"
    world.engine.behave("cron", "v1.1.0", check_passes=good)
    worker, ended = await roll_out(world, "v1.1.0")
    assert ended.status is (RolloutStatus.SUCCESS if good else RolloutStatus.ROLLED_BACK)
    assert world.engine.running("cron") == (["v1.1.0"] if good else ["v0.9.0"])
    if good:
        back = await roll_back(world, worker)
        assert any("v1.0.0 lacks cron" in warning for warning in back.warnings)
        assert world.engine.running("cron") == []
    assert await watched(world) == []
    assert world.outages == []


@pytest.mark.parametrize("change", ["colors renamed", "singleton added"])
async def test_a_stopped_live_color_starts_again_after_a_change(change: str) -> None:
    """The live release has other names of its services than the stack file."""
    world = await live()
    world.restack(CHANGES[change])
    assert await watched(world) == []
    world.engine.by_hand(stop=["api-blue"])
    await watched(world)
    assert "api-blue" in running(world)
    assert any("live_color_down" in alarms for alarms in world.publisher.alarmed)
