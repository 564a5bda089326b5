"""Between rollouts: every manual change is reported, and reverted if that makes nothing worse."""

import asyncio
import contextvars
from dataclasses import replace

import pytest

from app.domain.errors import ComposeInvalid, FilesChanged, UpdaterError, VariableMissing
from app.domain.stack import Color, Follower
from tests.examples import a_release, a_stack, sha_of
from tests.fakes.engine.socket import FaultySocket
from tests.fakes.world import World
from workers.adoption.drift import ANSWER_SECONDS, HOSTS_SECONDS
from workers.watchdogs.drift_watch import DriftWatch
from workers.watchdogs.live_answers import AGAIN_SECONDS, REMEMBERED_SECONDS
from workers.watchdogs.live_copies import REPORTED_SECONDS, TRIES


async def a_watch(world: World) -> DriftWatch:
    """A rollout has brought v1.1.0 live on green."""
    world.inbox.put(a_release("v1.1.0"))
    worker = world.worker()
    await worker.reconcile()
    assert world.state.active_color is Color.GREEN
    world.effects.clear()
    return DriftWatch(world.stack, world.ports, worker)


def alarmed(world: World) -> list[str]:
    return world.publisher.alarmed[-1]


async def test_healthy_stack_causes_no_action_or_alarm(world: World) -> None:
    watch = await a_watch(world)
    await watch.look()
    assert (world.effects, alarmed(world)) == ([], [])


@pytest.mark.parametrize("to", [None, Color.BLUE])
async def test_changed_route_file_is_restored(world: World, to: Color | None) -> None:
    watch = await a_watch(world)
    await (world.route.flip(to, "r-hand") if to else world.route.clear())
    await watch.look()
    assert alarmed(world) == ["route_changed"]
    await world.clock.sleep(1)
    assert world.route.served() == (Color.GREEN, "r-v1.1.0")
    await watch.look()
    assert alarmed(world) == []


def rolled_out_by_another(world: World) -> None:
    """Another program has replaced blue with its own release and has stopped green."""
    world.engine.by_hand(start=[s.colors[Color.BLUE] for s in world.stack.routed], tag="v1.2.0")
    world.engine.by_hand(stop=[s.colors[Color.GREEN] for s in world.stack.routed])
    world.outages.clear()


@pytest.mark.parametrize("beside", [False, True])
async def test_stack_led_by_another_program_is_adopted(world: World, *, beside: bool) -> None:
    """Its routes may have replaced the updater's file, or be in another file beside it."""
    watch = await a_watch(world)
    rolled_out_by_another(world)
    world.route.place_foreign(Color.BLUE, name="routes.yml" if beside else "updater-routes.yml", keep_own=beside)
    await world.clock.sleep(1)
    await watch.look()
    await world.clock.sleep(1)
    state = world.state
    assert (state.active_color, world.route.served()[0], world.outages) == (Color.BLUE, Color.BLUE, [])
    assert state.current is not None
    assert (state.current.adopted, state.previous, state.paused) == (True, None, True)
    assert "Another program moved your traffic to blue, and v1.1.0" in str(state.pause_reason)
    assert world.engine.running("api-green") == []
    assert alarmed(world) == []
    world.effects.clear()
    await watch.look()
    assert (world.effects, alarmed(world)) == ([], [])


async def test_unreadable_routes_take_no_color_from_the_journal(world: World) -> None:
    """It is unclear who moved the traffic: the live color may only have ended for a moment."""
    watch, live = await a_watch(world), world.state.current
    rolled_out_by_another(world)
    world.route.place_foreign(Color.BLUE)
    world.route.unreadable = True
    world.route.refuses = {Color.GREEN}
    await world.clock.sleep(1)
    await watch.look()
    await watch._reconciler.reconcile()
    assert alarmed(world)[0] == "route_not_restored"
    assert (world.state.active_color, world.state.current, world.state.paused) == (Color.GREEN, live, False)
    world.route.unreadable = False
    await watch.look()
    assert (world.state.active_color, world.state.paused) == (Color.BLUE, True)


async def test_unadoptable_stack_alarms_until_fixed(world: World) -> None:
    watch = await a_watch(world)
    rolled_out_by_another(world)
    world.route.place_foreign(Color.BLUE)
    elsewhere = world.route._foreign["updater-routes.yml"].replace("PathPrefix", "HostPrefix")
    world.route._foreign["more.yml"] = elsewhere
    await watch.look()
    assert (alarmed(world), world.state.active_color, world.state.paused) == (["not_adopted"], None, True)
    assert world.route.served()[0] is Color.BLUE
    await watch.look()
    assert alarmed(world) == ["not_adopted"]
    del world.route._foreign["more.yml"]
    await watch._reconciler.reconcile()
    await watch.look()
    assert (alarmed(world), world.state.active_color, world.outages) == ([], Color.BLUE, [])


@pytest.mark.parametrize(("force", "late"), [(False, False), (False, True), (True, True)])
async def test_release_keeps_another_programs_color(world: World, *, force: bool, late: bool) -> None:
    """Also if that happens after the worker's last look before the release begins (`late`)."""
    watch = await a_watch(world)

    def take_over() -> None:
        rolled_out_by_another(world)
        world.route.place_foreign(Color.BLUE)

    if late:
        world.publisher.at_event("rollout.started", take_over)
    else:
        take_over()
    world.inbox.put(replace(a_release("v1.2.0"), force=force))
    await watch._reconciler.reconcile()
    await watch.look()
    await world.clock.sleep(1)
    assert (world.state.active_color, world.route.served()[0], world.outages) == (Color.BLUE, Color.BLUE, [])
    assert [effect for effect in world.effects if "-blue" in effect] == []
    assert world.state.paused


async def test_forced_release_uses_the_other_color(world: World) -> None:
    watch = await a_watch(world)
    rolled_out_by_another(world)
    world.route.place_foreign(Color.BLUE)
    world.inbox.put(replace(a_release("v1.2.0"), force=True))
    await watch._reconciler.reconcile()
    assert (world.state.active_color, world.outages) == (Color.GREEN, [])
    assert world.state.previous is not None
    assert world.state.previous.adopted


async def test_changed_routes_are_fixed_before_release(world: World) -> None:
    """Both colors are healthy, and another program routed clients to the color that the release replaces."""
    watch = await a_watch(world)
    world.engine.by_hand(start=[s.colors[Color.BLUE] for s in world.stack.routed], tag="v1.0.0")
    world.publisher.at_event("rollout.started", lambda: world.route.place_foreign(Color.BLUE, name="routes.yml"))
    world.inbox.put(a_release("v1.2.0"))
    await watch._reconciler.reconcile()
    assert (world.state.current and world.state.current.tag, world.outages) == ("v1.2.0", [])
    assert "leads to green again" in str(world.publisher.results[-1][0].warnings)


async def test_file_shadowing_the_routes_is_set_aside(world: World) -> None:
    watch = await a_watch(world)
    world.route.beside = ["copy-of-updater-routes.yml"]
    await watch.look()
    assert (alarmed(world), world.route.beside) == (["route_shadowed"], [])


async def test_file_that_names_a_container_is_set_aside(world: World) -> None:
    """A file of before the updater came back, for example by `git checkout`. It reaches the container by address."""
    watch = await a_watch(world)
    (old,) = await world.engine.find("api-green")
    world.route.by_host = {"routes.yml": str(old.address), "of-others.yml": "blog"}
    await watch.look()
    assert (alarmed(world), world.route.by_host) == (["route_shadowed"], {"of-others.yml": "blog"})


async def test_strays_wait_for_a_silent_engine(world: World) -> None:
    watch = await a_watch(world)
    world.route.by_host = {"routes.yml": "api-green"}
    world.route.beside = ["copy.yml"]
    world.engine.socket = socket = FaultySocket(contextvars.copy_context(), lambda: 0.0)
    socket.hang()
    await watch.look(containers=False, answers=False)
    assert (world.route.beside, list(world.route.by_host)) == (["copy.yml"], ["routes.yml"])
    socket.go_on()
    await watch.look(containers=False, answers=False)
    assert (world.route.beside, world.route.by_host) == ([], {})


async def test_release_goes_live_past_a_stray_and_an_unproven_route(world: World) -> None:
    """The last flip could not be confirmed, so the rollout id in the answers is unknown."""
    watch = await a_watch(world)
    await world.journal.update(lambda s: s.routed_to(s.active_color, None))
    world.route.beside = ["copy-of-updater-routes.yml"]
    world.inbox.put(a_release("v1.2.0"))
    await watch._reconciler.reconcile()
    assert (world.state.current and world.state.current.tag, world.route.beside) == ("v1.2.0", [])


async def test_stopped_live_color_is_started_again(world: World) -> None:
    watch = await a_watch(world)
    for instance in await world.engine.find("api-green"):
        await world.engine.stop(instance.id, 1)
    await watch.look()
    assert (alarmed(world), world.engine.running("api-green")) == (["live_color_down"], ["v1.1.0"])
    await watch.look()
    assert alarmed(world) == []


async def test_live_color_starts_again_during_preflight(world: World) -> None:
    watch = await a_watch(world)
    for instance in await world.engine.find("api-green"):
        await world.engine.stop(instance.id, 1)
    worker = world.worker()
    world.inbox.put(a_release("v1.2.0"))
    rolling = asyncio.create_task(worker.reconcile())
    await world.clock.sleep(1)
    await DriftWatch(world.stack, world.ports, worker).look()
    assert (alarmed(world), world.engine.running("api-green")) == (["live_color_down"], ["v1.1.0"])
    await rolling
    assert (world.state.current and world.state.current.tag) == "v1.2.0"
    await watch.look()


async def test_restarts_of_the_live_color_are_limited(world: World) -> None:
    watch = await a_watch(world)
    (instance,) = await world.engine.find("api-green")
    world.effects.clear()
    for _ in range(TRIES + 5):
        await world.engine.stop(instance.id, 1)
        await watch.look()
    assert world.effects.count("start api-green v1.1.0") == TRIES
    assert alarmed(world) == ["live_color_down"]


async def test_live_color_that_cannot_start_raises_the_alarm(world: World) -> None:
    watch = await a_watch(world)
    (container,) = world.engine.containers("api-green")
    container.behaviour = replace(container.behaviour, starts=False)
    await world.engine.stop(container.id, 1)
    await watch.look()
    assert alarmed(world) == ["live_color_down"]
    assert "It could not be started: exec format error." in world.publisher.alarm_texts[0]


async def test_restarted_live_color_alarms_for_a_while(world: World) -> None:
    watch = await a_watch(world)
    await watch.look()
    world.engine.die("api-green")
    for expected, seconds in (
        (["live_color_restarted"], REPORTED_SECONDS / 2),
        (["live_color_restarted"], REPORTED_SECONDS),
    ):
        await watch.look()
        assert alarmed(world) == expected
        await world.clock.sleep(seconds)
    await watch.look()
    assert (alarmed(world), world.effects) == ([], [])


async def test_own_bot_is_kept_when_two_run(world: World) -> None:
    watch = await a_watch(world)
    (bot,) = [i for i in await world.engine.find("bot") if i.running]
    world.engine.start_by_hand("bot", "v1.1.0")
    await watch.look()
    assert alarmed(world) == ["singleton_doubled"]
    assert [i.id for i in await world.engine.find("bot") if i.running] == [bot.id]


async def test_bot_on_a_silent_machine_is_reported_and_left_alone(world: World) -> None:
    watch = await a_watch(world)
    (running,) = [i for i in await world.engine.find("bot") if i.running]
    (bot,) = [container for container in world.engine.containers("bot") if container.id == running.id]
    bot.behaviour = replace(bot.behaviour, silent=("node2",))
    world.effects.clear()
    await watch.look()
    assert (alarmed(world), world.effects) == (["singleton_silent"], [])
    assert world.publisher.alarm_texts[0].startswith("node2 does not answer, and bot may still run there")
    bot.behaviour = replace(bot.behaviour, silent=())
    await watch.look()
    assert alarmed(world) == []


async def test_stopped_bot_is_reported_not_restarted(world: World) -> None:
    watch = await a_watch(world)
    for instance in await world.engine.find("bot"):
        await world.engine.stop(instance.id, 1)
    world.effects.clear()
    await watch.look()
    assert (alarmed(world), world.effects) == (["singleton_gone"], [])


async def a_world_with_followers() -> World:
    world = World(a_stack(followers=(Follower("queue", "worker"),)))
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave("worker", tag, copies=3)
    await world.live("v1.0.0")
    return world


async def test_missing_copy_is_reported_not_started() -> None:
    world = await a_world_with_followers()
    watch = await a_watch(world)
    await watch.look()
    assert alarmed(world) == []
    one = next(i for i in await world.engine.find("worker") if i.running)
    await world.engine.stop(one.id, 1)
    world.effects.clear()
    await watch.look()
    assert (alarmed(world), world.effects) == (["follower_gone"], [])
    assert "2 of 3 copies of queue run" in world.publisher.alarm_texts[0]


@pytest.mark.parametrize("stopped", [0, 3])
async def test_copy_of_another_release_is_replaced(stopped: int) -> None:
    """Copies of the live release that do not run are started first."""
    world = await a_world_with_followers()
    watch = await a_watch(world)
    for copy in [i for i in await world.engine.find("worker") if i.running][:stopped]:
        await world.engine.stop(copy.id, 1)
    world.engine.place("worker", "v1.0.0", 1)
    world.effects.clear()
    await watch.look()
    assert alarmed(world) == ["follower_outdated"]
    assert world.effects == [*["start worker v1.1.0"] * stopped, "stop worker v1.0.0"]
    await watch.look()
    assert (alarmed(world), world.engine.running("worker")) == ([], ["v1.1.0"] * 3)


async def test_copies_that_cannot_be_replaced_are_only_reported_after_some_tries() -> None:
    world = await a_world_with_followers()
    watch = await a_watch(world)
    for copy in world.engine.containers("worker"):
        copy.end()
        copy.behaviour = replace(copy.behaviour, starts=False)
    world.engine.place("worker", "v1.0.0", 1)
    world.effects.clear()
    for _ in range(TRIES):
        await watch.look()
        assert "They could not be replaced: A service of the release" in world.publisher.alarm_texts[0]
    await watch.look()
    assert "Stop them by hand" in world.publisher.alarm_texts[0]
    assert (world.engine.running("worker"), world.effects) == (["v1.0.0"], [])


async def a_world_with_untagged_followers() -> World:
    """v1.1.0 is live, with the copies of v1.0.0 because nothing about them changed."""
    world = World(a_stack(followers=(Follower("queue", "worker"),)))
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave("worker", tag, image="the same")
    await world.live("v1.0.0")
    await a_watch(world)
    assert world.engine.running("worker") == ["v1.0.0"]
    world.engine.untagged.add(("worker", sha_of("v1.1.0")))
    world.effects.clear()
    return world


async def test_follower_whose_image_lost_its_name_is_reported_and_stays() -> None:
    world = await a_world_with_untagged_followers()
    watch = DriftWatch(world.stack, world.ports, world.worker())
    await watch.look()
    assert (alarmed(world), world.effects) == (["follower_unclear"], [])
    assert "updater deploy v1.1.0 --force" in world.publisher.alarm_texts[0]
    world.engine.untagged.clear()
    await watch.look()
    assert alarmed(world) == []


async def test_error_of_a_follower_hides_no_other_alarm() -> None:
    world = await a_world_with_untagged_followers()
    for instance in await world.engine.find("bot"):
        await world.engine.stop(instance.id, 1)
    await DriftWatch(world.stack, world.ports, world.worker()).look()
    assert alarmed(world) == ["singleton_gone", "follower_unclear"]


@pytest.mark.parametrize("error", [VariableMissing, FilesChanged, ComposeInvalid])
async def test_any_reason_why_a_copy_cannot_be_replaced_is_reported(error: type[UpdaterError]) -> None:
    world = await a_world_with_followers()
    watch = await a_watch(world)
    for copy in world.engine.containers("worker"):
        copy.end()
    world.engine.refused["worker"] = error
    world.engine.place("worker", "v1.0.0", 1)
    await watch.look()
    assert alarmed(world) == ["follower_outdated"]
    assert "They could not be replaced" in world.publisher.alarm_texts[0]


async def test_drift_watch_only_alarms_in_a_rollout(world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    world.inbox.put(a_release("v1.1.0"))
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while not world.effects:
        await world.clock.sleep(0.1)
    (old,) = await world.engine.find("api-blue")
    await world.engine.stop(old.id, 1)
    world.effects.clear()
    await DriftWatch(world.stack, world.ports, worker).look()
    assert (alarmed(world), world.effects) == (["live_color_down"], [])
    await rolling
    assert world.route.served()[0] is Color.GREEN


async def test_drift_watch_is_silent_before_a_release() -> None:
    world = World()
    await DriftWatch(world.stack, world.ports, world.worker()).look()
    assert not any(world.publisher.alarmed)


def a_hanging_engine(world: World) -> None:
    world.engine.socket = socket = FaultySocket(contextvars.copy_context(), lambda: 0.0)
    socket.hang()


@pytest.mark.parametrize("to", [None, Color.BLUE])
async def test_routes_are_restored_while_the_engine_hangs(world: World, to: Color | None) -> None:
    """Nothing answers at the changed routes, so no other program can have released there."""
    watch = await a_watch(world)
    a_hanging_engine(world)
    world.route.overwrite(to)
    await world.clock.sleep(1)
    began = world.clock.monotonic()
    looking = asyncio.create_task(watch.look())
    while world.route.named is not Color.GREEN:
        await world.clock.sleep(0.1)
    assert world.clock.monotonic() - began <= 2 * HOSTS_SECONDS
    await looking
    assert alarmed(world) == ["route_changed", "engine_silent"]
    assert world.clock.monotonic() - began <= HOSTS_SECONDS + 2 * ANSWER_SECONDS


async def test_served_routes_stay_while_the_engine_hangs(world: World) -> None:
    """Another program may have led clients to what serves them, and the engine does not say what that is."""
    watch = await a_watch(world)
    rolled_out_by_another(world)
    world.route.place_foreign(Color.BLUE)
    a_hanging_engine(world)
    await watch.look()
    assert (alarmed(world), world.route.served()[0]) == (["route_unclear", "engine_silent"], Color.BLUE)


async def test_routes_follow_a_container_with_another_name(world: World) -> None:
    """Compose names containers in another way with --compatibility, for example."""
    watch = await a_watch(world)
    for service in ("api", "skills"):
        world.engine.rename(f"{service}-green", f"demo-{service}-green-1")
    known = {service: (f"demo-{service}-green-1",) for service in ("api", "skills")}
    await world.route.flip(Color.GREEN, "r-v1.1.0", known)
    await watch.look()
    assert (alarmed(world), await world.route.copies(Color.GREEN)) == ([], known)
    world.engine.rename("api-green", "demo_api-green_1")
    await watch.look()
    assert alarmed(world) == ["route_changed"]
    assert (await world.route.copies(Color.GREEN))["api"] == ("demo_api-green_1",)
    await world.clock.sleep(1)
    await watch.look()
    assert alarmed(world) == []


@pytest.mark.parametrize("down", [False, True])
async def test_route_that_something_else_answers_raises_an_alarm(world: World, *, down: bool) -> None:
    """The file is as it should be: another file has a router that comes first, or Traefik does not run."""
    watch = await a_watch(world)
    world.route.load(Color.BLUE, "")
    world.route.down = down
    world.route.beside = []
    await watch.look()
    assert alarmed(world) == ["route_not_served"]
    assert "requests to skills, api are not answered by its routes" in world.publisher.alarm_texts[0]
    assert ("no answer" if down else "HTTP") in world.publisher.alarm_texts[0]
    world.route.down = False
    world.route.re_read()
    await world.clock.sleep(1)
    await watch.look()
    assert alarmed(world) == []


async def test_one_wrong_answer_of_a_route_is_no_alarm(world: World) -> None:
    watch = await a_watch(world)
    world.route.down = True
    looking = asyncio.create_task(watch.look())
    await world.clock.sleep(AGAIN_SECONDS / 2)
    world.route.down = False
    await looking
    assert alarmed(world) == []


async def looks(world: World, watch: DriftWatch, *, after: float = 10.0) -> list[str]:
    await world.clock.sleep(after)
    await watch.look()
    return alarmed(world)


async def test_live_color_that_traefik_does_not_reach_raises_an_alarm(world: World) -> None:
    """It runs, and has lost one of its networks: the one that it shared with Traefik."""
    watch = await a_watch(world)
    world.probe.unknown = {"api-green"}
    assert await looks(world, watch) == []
    assert await looks(world, watch) == ["live_color_unreached"]
    assert "does not reach all containers of api " in world.publisher.alarm_texts[0]
    assert "docker network connect" in world.publisher.alarm_texts[0]
    world.probe.unknown = set()
    assert await looks(world, watch, after=REMEMBERED_SECONDS) == []
    assert world.effects == []


async def test_live_color_in_no_network_raises_an_alarm(world: World) -> None:
    """Also behind a password, where Traefik answers without asking it."""
    watch = await a_watch(world)
    world.probe.guarded = {"api"}
    (container,) = world.engine.containers("api-green")
    container.cut_off = True
    assert await looks(world, watch) == ["live_color_unreached"]
    assert container.id in world.publisher.alarm_texts[0]
    container.cut_off = False
    assert await looks(world, watch) == []
    assert world.effects == []


async def test_stopped_live_color_is_not_called_unreached(world: World) -> None:
    watch = await a_watch(world)
    for _ in range(TRIES + 2):
        for container in world.engine.containers("api-green"):
            container.end()
        assert await looks(world, watch) == ["live_color_down"]


async def test_routes_that_cannot_be_written_raise_an_alarm(world: World) -> None:
    """The stray stays where it is: with the updater's routes gone, it may be all that serves."""
    watch = await a_watch(world)
    world.route.refuses = {Color.GREEN}
    world.route.overwrite(None)
    world.route.beside = ["copy.yml"]
    await watch.look()
    assert (alarmed(world), world.route.beside) == (["route_not_restored"], ["copy.yml"])
    world.route.refuses = set()
    await watch.look()
    assert (alarmed(world), world.route.beside) == (["route_changed", "route_shadowed"], [])


async def test_release_during_a_look_is_not_lost(world: World) -> None:
    watch = await a_watch(world)
    world.inbox.put(a_release("v1.2.0"))
    worker = watch._reconciler
    async with worker.quiet() as quiet:
        assert quiet
        rolling = asyncio.create_task(worker.reconcile())
        await world.clock.sleep(1)
        await worker.reconcile()  # a second nudge does not wait for the first one's rollout
        assert not rolling.done()
    await rolling
    assert world.state.current is not None
    assert world.state.current.tag == "v1.2.0"


async def test_drift_watch_continues_after_an_error(world: World) -> None:
    watch = await a_watch(world)
    world.journal.full = True
    await world.route.flip(Color.BLUE, "r-hand")
    looking = asyncio.create_task(watch.run())
    await world.clock.sleep(1)
    world.journal.full = False
    await world.route.flip(Color.BLUE, "r-hand")
    await world.clock.sleep(10)
    assert (await world.route.active(), looking.done()) == (Color.GREEN, False)
    looking.cancel()
