"""A stack that ran before the updater: the serving release becomes current, and its containers are not touched."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.rollout import RolloutStatus
from app.domain.stack import BeforeFlip, Color
from app.domain.state import State
from tests.examples import NOW, a_release, a_stack, sha_of
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.ports import Instance, Stamp
from workers.watchdogs.drift_watch import DriftWatch

NEW = a_release("v1.1.0")
SHA = "c" * 40
SOON = 1_000.0


@pytest.fixture
async def world() -> World:
    """Plain Compose runs v1.0.0 in both colors; the routes lead to blue; the clone has v1.0.0 checked out."""
    world = World()
    await world.before_the_updater()
    world.source.clone = dict.fromkeys((("/srv/shop", "HEAD"), ("/srv/shop", "refs/tags/v1.0.0")), SHA)
    return world


async def started(world: World) -> Reconciler:
    worker = world.worker()
    await worker.start()
    return worker


def outcomes(world: World) -> list[tuple[str, RolloutStatus, str | None]]:
    return [(r.release.tag, r.status, r.reason_code) for r, _ in world.publisher.results]


def touched(world: World) -> list[str]:
    """The effects that changed containers."""
    words = ("start", "stop", "create", "remove", "replace")
    return [effect for effect in world.effects if effect.startswith(words)]


@pytest.mark.parametrize("color", list(Color))
async def test_serving_color_becomes_current(world: World, color: Color) -> None:
    world.route.place_foreign(color)
    await started(world)
    state = world.state
    assert state.current is not None
    assert (state.active_color, state.current.tag, state.current.sha) == (color, "v1.0.0", SHA)
    assert (state.current.adopted, state.last_good_tag, state.paused) == (True, "v1.0.0", False)
    assert world.route.served() == (color, state.current.rollout_id) or await world.route.active() is color
    assert (touched(world), world.outages) == ([], [])


async def test_every_running_copy_is_adopted_and_comes_back() -> None:
    world = World()
    world.engine.behave("api", "v1.0.0", copies=3)
    await world.before_the_updater()
    world.source.clone = dict.fromkeys((("/srv/shop", "HEAD"), ("/srv/shop", "refs/tags/v1.0.0")), SHA)
    await started(world)
    copies = tuple(f"shop-api-blue-{n}" for n in (1, 2, 3))
    assert world.state.current is not None
    assert world.state.current.copies == {"skills": 1, "api": 3}
    assert world.route.names("api", Color.BLUE) == copies, "each is a server, though the old router had one for all"
    assert (touched(world), world.outages) == ([], [])
    adopted = [container.id for container in world.engine.containers("api-blue")]
    world.inbox.put(NEW)
    worker = world.worker()
    await worker.reconcile()
    assert world.engine.running("api-blue") == []
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert [c.id for c in world.engine.containers("api-blue") if c.runs(world.clock.monotonic())] == adopted
    assert world.route.names("api", Color.BLUE) == copies
    assert world.state.current.copies["api"] == 3


async def test_stopped_copy_is_no_part_of_what_is_adopted() -> None:
    """It may be of anything. A warning names it, and it is never started."""
    world = World()
    world.engine.behave("api", "v1.0.0", copies=3)
    await world.before_the_updater()
    world.source.clone = dict.fromkeys((("/srv/shop", "HEAD"), ("/srv/shop", "refs/tags/v1.0.0")), SHA)
    world.engine.containers("api-blue")[0].end()
    worker = await started(world)
    assert world.state.current is not None
    assert world.state.current.copies == {"skills": 1, "api": 2}
    (adopted,) = [data for kind, data in world.publisher.events if kind == "adopted"]
    assert adopted["warnings"][0].startswith(
        "shop-api-blue-1 of api-blue is exited, and no part of the adopted release"
    )
    await DriftWatch(world.stack, world.ports, worker).look()
    assert (world.publisher.alarmed[-1], touched(world)) == ([], [])


@pytest.mark.parametrize("file", ["updater-routes.yml", "routes.yml", "sub/routes.yml"])
async def test_old_routers_go_without_a_route_change(world: World, file: str) -> None:
    world.route = type(world.route)(world.stack, world.clock, world.fuse, world.engine.note)
    world.probe._route = world.route
    world.route.place_foreign(Color.BLUE, name=file)
    await started(world)
    assert list(await world.route.files()) == ["updater-routes.yml"]
    assert {color for _, color, _ in world.route._served} == {Color.BLUE}


async def test_first_release_goes_to_the_other_color(world: World) -> None:
    worker = await started(world)
    world.inbox.put(NEW)
    await worker.reconcile()
    assert outcomes(world) == [("v1.1.0", RolloutStatus.SUCCESS, None)]
    assert world.route.served()[0] is Color.GREEN
    assert world.state.previous is not None
    assert (world.state.previous.tag, world.state.previous.adopted) == ("v1.0.0", True)
    assert world.outages == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"status": 500}, RolloutStatus.FAILED),
        ({"builds": False}, RolloutStatus.FAILED),
        ({"dies_after": 6.0}, RolloutStatus.ROLLED_BACK),
    ],
)
async def test_bad_first_release_keeps_the_adopted_one(
    world: World, change: dict[str, object], status: RolloutStatus
) -> None:
    worker = await started(world)
    world.engine.behave("api", "v1.1.0", **change)
    world.inbox.put(NEW)
    await worker.reconcile()
    assert [(tag, how) for tag, how, _ in outcomes(world)] == [("v1.1.0", status)]
    assert world.route.served()[0] is Color.BLUE
    assert world.engine.running("bot") == ["v1.0.0"]
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.paused, world.outages) == ("v1.0.0", True, [])


async def test_bad_bot_brings_the_adopted_bot_back(world: World) -> None:
    worker = await started(world)
    world.engine.behave("bot", "v1.1.0", dies_after=0.1)
    world.inbox.put(NEW)
    await worker.reconcile()
    assert outcomes(world) == [("v1.1.0", RolloutStatus.ROLLED_BACK, "singleton_never_ready")]
    assert world.engine.running("bot") == ["v1.0.0"]
    assert "create bot v1.0.0" not in world.effects


async def test_rollback_starts_the_adopted_containers(world: World) -> None:
    adopted = {i.id for s in world.stack.services(Color.BLUE) for i in await world.engine.find(s)}
    worker = await started(world)
    world.inbox.put(NEW)
    await worker.reconcile()
    await Operator(world.ports, worker).roll_back(SHA)
    await worker.reconcile()
    assert outcomes(world)[-1][:2] == ("v1.0.0", RolloutStatus.SUCCESS)
    assert world.route.served()[0] is Color.BLUE
    now = {i.id for s in world.stack.services(Color.BLUE) for i in await world.engine.find(s) if i.running}
    assert now == adopted
    assert world.state.current is not None
    assert (world.state.current.sha, world.state.current.adopted) == (SHA, True)
    assert world.outages == []


async def test_failed_rollback_keeps_adopted_containers(world: World) -> None:
    adopted = {i.id for s in world.stack.services(Color.BLUE) for i in await world.engine.find(s)}
    worker = await started(world)
    world.inbox.put(NEW)
    await worker.reconcile()
    for container in world.engine._containers.values():
        if container.service == "api-blue":
            container.behaviour = type(container.behaviour)(status=500)
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert outcomes(world)[-1][1:] == (RolloutStatus.FAILED, "never_healthy")
    assert world.route.served()[0] is Color.GREEN
    assert adopted <= set(world.engine._containers)


async def test_adopted_tag_can_be_built_again(world: World) -> None:
    world.source.tags["v1.0.0"] = SHA
    worker = await started(world)
    world.inbox.put(NEW)
    await worker.reconcile()
    world.inbox.put(a_release("v1.0.0", force=True, key="manual:1", rollout_id="r-again"))
    await worker.reconcile()
    assert outcomes(world)[-1] == ("v1.0.0", RolloutStatus.SUCCESS, None)
    assert world.route.served() == (Color.BLUE, "r-again")
    assert world.state.current is not None
    assert (world.state.current.sha, world.state.current.adopted) == (SHA, False)
    assert world.outages == []


async def test_killed_adoption_ends_the_same(world: World) -> None:
    for moment in range(200):
        world = World()
        await world.before_the_updater(file="routes.yml")
        world.source.clone = dict.fromkeys((("/srv/shop", "HEAD"), ("/srv/shop", "refs/tags/v1.0.0")), SHA)
        world.fuse.light(moment)
        with contextlib.suppress(Crash):
            await started(world)
        if done := world.fuse.burnt < moment:
            break
        await world.clock.sleep(SOON)
        world.fuse.put_out()
        await started(world)
        assert world.state.current is not None
        assert (world.state.current.sha, world.state.active_color) == (SHA, Color.BLUE), moment
        assert list(await world.route.files()) == ["updater-routes.yml"], moment
        assert (touched(world), world.outages, world.state.paused) == ([], [], False), moment
    assert done


async def test_ignored_route_file_is_undone_and_pauses(world: World) -> None:
    before = await world.route.files()
    world.route.deaf = True
    worker = await started(world)
    assert await world.route.files() == before
    assert (world.state.current, world.state.active_color, world.state.paused) == (None, None, True)
    assert "Traefik does not follow /routes/dynamic/updater-routes.yml" in str(world.state.pause_reason)
    world.route.deaf = False
    await Operator(world.ports, worker).unpause()
    world.inbox.put(NEW)
    await worker.reconcile()
    assert outcomes(world) == [("v1.1.0", RolloutStatus.SUCCESS, None)]


async def test_routes_that_miss_containers_are_restored(world: World) -> None:
    before = await world.route.files()
    world.probe.unknown = {"api-blue"}
    await started(world)
    assert await world.route.files() == before
    assert (world.state.current, world.state.paused) == (None, True)
    assert "api was healthy through the old routers, but not the updater's" in str(world.state.pause_reason)


async def test_unhealthy_stack_is_adopted(world: World) -> None:
    world.engine.behave("api", "v1.0.0", status=500)
    for container in world.engine._containers.values():
        container.behaviour = world.engine._behaviour(container.service, "v1.0.0")
    await started(world)
    assert (world.state.active_color, world.state.paused) == (Color.BLUE, False)


async def test_unwritable_route_file_refuses_adoption(world: World) -> None:
    before = await world.route.files()
    world.route.refuses = {Color.BLUE}
    await started(world)
    assert await world.route.files() == before
    assert (world.state.current, world.state.paused) == (None, True)
    assert "the disk is full" in str(world.state.pause_reason)


async def start_refused(world: World) -> Reconciler:
    """Start a worker that refuses adoption: api-blue does not run, so the routed color is incomplete."""
    for instance in await world.engine.find("api-blue"):
        await world.engine.stop(instance.id, 1)
    world.engine.effects.clear()
    world.outages.clear()
    return await started(world)


async def test_refused_adoption_pauses(world: World) -> None:
    worker = await start_refused(world)
    world.inbox.put(NEW)
    await worker.reconcile()
    reason = str(world.state.pause_reason)
    assert "api-blue does not run" in reason
    assert "Traffic is unchanged" in reason
    assert (outcomes(world), [r.tag for r in world.state.accepted]) == ([], ["v1.1.0"])
    assert touched(world) == []


async def test_refused_adoption_stops_a_forced_release(world: World) -> None:
    worker = await start_refused(world)
    world.inbox.put(a_release("v1.1.0", force=True))
    await worker.reconcile()
    assert outcomes(world) == [("v1.1.0", RolloutStatus.FAILED, "adoption_refused")]
    assert "the containers that ran before the updater still serve it" in str(world.state.pause_reason)
    assert touched(world) == []


@pytest.mark.parametrize(
    ("effect", "color"),
    [
        ("run api-blue v1.1.0 migrate", Color.BLUE),
        ("run api-blue v1.1.0 migrate", Color.GREEN),
        ("start skills-blue v1.1.0", Color.GREEN),
        ("start api-blue v1.1.0", Color.GREEN),
    ],
)
async def test_first_release_stops_if_the_stack_starts(effect: str, color: Color) -> None:
    """An operator starts plain Compose's containers while the first release is prepared and started."""
    world = World(stack=a_stack(before_flip=(BeforeFlip("api", ("migrate",)),)))
    await world.before_the_updater(color)
    for service in world.stack.moved_services():
        for instance in await world.engine.find(service):
            await world.engine.stop(instance.id, 1)
    worker = await started(world)
    on_effect(world, effect, lambda: start_by_hand(world, color))
    world.inbox.put(NEW)
    await worker.reconcile()
    assert outcomes(world) == [("v1.1.0", RolloutStatus.FAILED, "adoption_refused")]
    assert world.outages == []
    assert world.route.served() == (color, "")
    assert world.engine.running(f"api-{color}") == ["v1.0.0"]


def start_by_hand(world: World, color: Color) -> None:
    """`docker compose up` of the color's remaining containers."""
    names = [s.colors[color] for s in world.stack.routed]
    for container in world.engine._containers.values():
        if container.service in names and container.stamp.release == "v1.0.0":
            container.exited = False
    world.outages.clear()


def on_effect(world: World, effect: str, action: Callable[[], None]) -> None:
    """Call `action` when `effect` occurs."""
    watcher = world.engine.watcher

    def watching(seen: str) -> None:
        if seen == effect:
            action()
        watcher(seen)

    world.engine.watcher = watching


async def test_refused_adoption_alarms_and_pauses_again(world: World) -> None:
    worker = await start_refused(world)
    await DriftWatch(world.stack, world.ports, worker).look()
    assert world.publisher.alarmed[-1] == ["not_adopted"]
    await Operator(world.ports, worker).unpause()
    world.inbox.put(NEW)
    await worker.reconcile()
    assert (world.state.paused, outcomes(world)) == (True, [])


async def test_fixed_stack_is_adopted_without_a_restart(world: World) -> None:
    worker = await start_refused(world)
    for instance in await world.engine.find("api-blue"):
        await world.engine.resume(instance.id)
    await worker.reconcile()
    assert (world.state.active_color, world.state.paused) == (Color.BLUE, True)
    await DriftWatch(world.stack, world.ports, worker).look()
    assert "not_adopted" not in world.publisher.alarmed[-1]


async def test_old_pause_keeps_its_reason(world: World) -> None:
    await world.journal.update(lambda _: State(active_color=Color.GREEN, paused=True, pause_reason="disk full"))
    await started(world)
    assert (world.state.active_color, world.state.paused, world.state.pause_reason) == (Color.BLUE, True, "disk full")
    assert world.state.current is not None


async def test_unreadable_state_pauses_after_adoption(world: World) -> None:
    world.journal.lose("updater-state.json could not be read.")
    await started(world)
    assert world.state.current is not None
    assert world.state.paused
    for part in ("could not be read", "v1.0.0 on blue", "unpause"):
        assert part in str(world.state.pause_reason)


async def test_contradiction_leaves_release_unknown(world: World) -> None:
    world.source.clone["/srv/shop", "refs/tags/v0.9.0"] = "d" * 40
    await world.journal.update(lambda _: State(last_good_tag="v0.9.0"))
    worker = await started(world)
    assert world.state.current is not None
    assert world.state.current.tag == "unknown"
    how = next(data["how"] for kind, data in world.publisher.events if kind == "adopted")
    assert "the old state file says v0.9.0" in how
    world.inbox.put(a_release("v0.9.0"))
    await worker.reconcile()
    assert outcomes(world) == [("v0.9.0", RolloutStatus.SUCCESS, None)]
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert outcomes(world)[-1][:2] == ("unknown", RolloutStatus.SUCCESS)


async def test_mixed_containers_leave_release_unknown(world: World) -> None:
    for container in world.engine._containers.values():
        if container.service == "skills-blue":
            container.labelled, container.stamp = True, Stamp("v0.9.0", sha_of("v0.9.0"), "r-v0.9.0")
    await started(world)
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.current.adopted) == ("unknown", True)
    how = next(data["how"] for kind, data in world.publisher.events if kind == "adopted")
    assert "the label of skills-blue says v0.9.0" in how


async def test_release_is_found_despite_an_older_bot() -> None:
    world = World()
    for service in world.stack.services(Color.BLUE):
        world.engine.place(service, "v0.9.0" if service == "bot" else "v1.1.0")
    world.route.place(Color.BLUE, "r-v1.1.0")
    world.source.clone = {("/srv/shop", "HEAD"): SHA, ("/srv/shop", "refs/tags/v1.0.0"): SHA}
    await world.journal.update(lambda _: State(epoch=3, active_color=Color.BLUE))
    await started(world)
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.current.sha) == ("v1.1.0", sha_of("v1.1.0"))
    assert (world.state.current.rollout_id, world.state.current.adopted) == ("r-v1.1.0", False)


@pytest.mark.parametrize(
    ("moved", "good", "tag"),
    [(-60, None, "v1.0.0"), (60, None, "unknown"), (60, "v1.0.0", "v1.0.0"), (60, "v0.9.0", "unknown")],
)
async def test_moved_clone_proves_no_release(world: World, moved: float, good: str | None, tag: str) -> None:
    world.source.moved_at = NOW + timedelta(seconds=moved)
    await world.journal.update(lambda _: State(last_good_tag=good))
    await started(world)
    assert world.state.current is not None
    assert world.state.current.tag == tag


async def test_an_empty_host_has_nothing_to_adopt() -> None:
    world = World()
    await world.journal.update(lambda _: State(active_color=Color.GREEN, last_good_tag="v1.0.0"))
    await started(world)
    assert (world.state.active_color, world.state.current, world.state.paused) == (None, None, False)


async def test_lost_journal_is_rebuilt_from_the_record(world: World) -> None:
    await started(world)
    before = world.state.current
    assert before is not None
    world.journal.lose("torn")
    await started(world)
    assert world.state.current is not None
    assert (world.state.current.sha, world.state.current.tag) == (before.sha, before.tag)
    assert world.state.current.sha == SHA
    assert world.state.paused
    assert sha_of("v1.0.0") != SHA


async def test_routes_without_a_running_color_are_kept(world: World) -> None:
    """`project` is wrong: the stack runs under another name, so its containers are not found."""
    found = world.engine.find

    async def find_nothing(service: str, *, rollout: str | None = None) -> list[Instance]:
        return await found(f"not-{service}", rollout=rollout)

    world.engine.find = find_nothing  # type: ignore[method-assign]
    worker = await started(world)
    world.inbox.put(replace(NEW, force=True))
    await worker.reconcile()
    assert "correct `project` in the stack file" in str(world.state.pause_reason)
    assert (touched(world), await world.route.active(), world.outages) == ([], None, [])
    world.engine.find = found  # type: ignore[method-assign]
    await worker.reconcile()
    assert world.state.active_color is Color.BLUE


async def test_failed_first_release_is_not_adopted() -> None:
    """Its routes were restored by hand: the release serves, but no rollout of it has succeeded."""
    world = World()
    world.engine.behave("api", "v1.0.0", dies_after=6.0)
    worker = await started(world)
    world.inbox.put(a_release("v1.0.0"))
    await worker.reconcile()
    assert outcomes(world) == [("v1.0.0", RolloutStatus.ROLLED_BACK, "bake_failed")]
    for service in world.stack.services(Color.BLUE):
        world.engine.place(service, "v1.0.0")
    world.route.place(Color.BLUE, "r-v1.0.0")
    await worker.reconcile()
    assert (world.state.current, world.state.last_good_tag) == (None, None)
    assert "failed as the first release and still has your traffic on blue" in str(worker.refused)
    world.inbox.put(a_release("v1.1.0", force=True, after=1))
    for _ in range(2):
        await worker.reconcile()
    assert (world.state.last_attempted_tag, world.state.current) == ("v1.1.0", None)
    assert "v1.0.0 failed as the first release and still has your traffic on blue" in str(worker.refused)
