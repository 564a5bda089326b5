"""What belongs to no kept release or rollout is deleted, also while no release comes."""

from dataclasses import replace

from app.domain.errors import GitFailed
from app.domain.stack import Color
from tests.examples import a_live, a_release, a_rollout, sha_of
from tests.fakes.world import World
from tests.running import running
from workers.ports import Stamp
from workers.watchdogs.disk_watch import COLLECT_SECONDS, LOOK_SECONDS, UNUSED_SECONDS, DiskWatch, rollouts_kept

OLD, BEFORE, LIVE = "v0.8.0", "v0.9.0", "v1.0.0"


async def a_host() -> World:
    """v1.0.0 is live, v0.9.0 was live before; a plan and an older release left trees."""
    world = World()
    await world.live(LIVE)
    await world.journal.update(lambda s: replace(s, previous=a_live(BEFORE)))
    world.source.trees = {sha_of(tag) for tag in (OLD, BEFORE, LIVE, "v2.0.0")}
    world.storage.logs = {"r-v0.8.0", "r-v0.9.0", "r-v1.0.0", "r-v1.1.0"}
    return world


async def define(world: World, tag: str) -> None:
    await world.engine.define(world.engine.published_path / tag, Stamp(tag, sha_of(tag), f"r-{tag}"))


def defined(world: World, *tags: str) -> list[str]:
    return [tag for tag in tags if sha_of(tag) in world.engine.definitions]


async def test_only_what_is_kept_stays() -> None:
    world = await a_host()
    for tag in (OLD, BEFORE, LIVE):
        await define(world, tag)
    await DiskWatch(world.ports, world.worker()).look()
    assert world.source.trees == {sha_of(BEFORE), sha_of(LIVE)}
    assert defined(world, OLD, BEFORE, LIVE) == [BEFORE, LIVE]
    assert world.storage.logs == {"r-v0.9.0", "r-v1.0.0"}
    assert (world.source.collected, world.source.spared_for) == (1, UNUSED_SECONDS)


async def test_nothing_of_a_release_goes_if_none_is_known_live() -> None:
    world = await a_host()
    trees = set(world.source.trees)
    await world.journal.update(lambda s: s.routed_to(None, None))
    await DiskWatch(world.ports, world.worker()).look()
    assert world.source.trees == trees


async def test_running_rollout_keeps_its_tree() -> None:
    world = await a_host()
    trees = set(world.source.trees)
    await world.journal.update(lambda s: replace(s, rollout=a_rollout(release=a_release("v1.1.0"))))
    await DiskWatch(world.ports, world.worker()).look()
    assert (world.source.trees, world.source.collected) == (trees, 0)
    assert "r-v1.1.0" in world.storage.logs


async def test_mirror_is_collected_once_a_day() -> None:
    world = await a_host()
    watch = DiskWatch(world.ports, world.worker())
    async with running(watch):
        await world.clock.sleep(COLLECT_SECONDS - LOOK_SECONDS / 2)
        assert world.source.collected == 1
        await world.clock.sleep(LOOK_SECONDS)
        assert world.source.collected == 2


async def test_failed_collection_does_not_end_the_watch() -> None:
    world = await a_host()
    world.source.refuses = GitFailed("the mirror could not be collected")
    watch = DiskWatch(world.ports, world.worker())
    async with running(watch):
        await world.clock.sleep(LOOK_SECONDS / 2)
        world.storage.logs.add("r-later")
        await world.clock.sleep(LOOK_SECONDS)
        assert "r-later" not in world.storage.logs
    assert watch.alarms() == ()


async def test_replaced_worker_deletes_no_definition() -> None:
    world = await a_host()
    await define(world, OLD)
    world.journal.epoch = 99
    await DiskWatch(world.ports, world.worker()).run()
    assert defined(world, OLD) == [OLD]


async def test_logs_of_running_waiting_and_kept_rollouts_stay() -> None:
    world = await a_host()
    rollout = a_rollout(release=a_release("v1.1.0"))
    state = replace(world.state.accept(a_release("v1.2.0")), rollout=rollout, active_color=Color.BLUE)
    assert rollouts_kept(state) == {"r-v1.1.0", "r-v1.2.0", "r-v1.0.0", "r-v0.9.0"}
