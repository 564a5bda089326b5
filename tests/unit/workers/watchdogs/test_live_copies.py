"""Between rollouts: a copy that does not serve is reported, started again, and out of the route meanwhile."""

from typing import Any

from app.domain.stack import Color
from tests.examples import a_release
from tests.fakes.engine import Container
from tests.fakes.world import World
from workers.watchdogs.drift_watch import DriftWatch
from workers.watchdogs.live_copies import TRIES

GREEN = tuple(f"shop-api-green-{n}" for n in (1, 2, 3))
ROUTED = 1.0


async def a_watch(world: World, **behaviour: Any) -> DriftWatch:
    """A rollout has brought v1.1.0 live on green, with three copies of the API."""
    world.engine.behave("api", "v1.1.0", copies=3, **behaviour)
    world.inbox.put(a_release("v1.1.0"))
    worker = world.worker()
    await worker.reconcile()
    assert world.route.names("api", Color.GREEN) == GREEN
    world.effects.clear()
    return DriftWatch(world.stack, world.ports, worker)


def copies(world: World) -> list[Container]:
    return sorted(world.engine.containers("api-green"), key=lambda c: c.number)


async def look(world: World, watch: DriftWatch) -> tuple[list[str], tuple[str, ...]]:
    """The alarms, and the names in the route, after one look and the time that Traefik needs."""
    await watch.look()
    await world.clock.sleep(ROUTED)
    return world.publisher.alarmed[-1], world.route.names("api", Color.GREEN)


async def test_copies_that_serve_change_nothing(world: World) -> None:
    watch = await a_watch(world)
    assert await look(world, watch) == ([], GREEN)
    assert world.effects == []


async def test_stopped_copy_leaves_the_route_and_comes_back(world: World) -> None:
    watch = await a_watch(world)
    copies(world)[1].end()
    assert await look(world, watch) == (["live_copy_down"], (GREEN[0], GREEN[2]))
    assert world.publisher.alarm_texts[0].startswith("1 of 3 copies of api-green do not serve")
    assert world.effects == ["route green"], "before it is started, because it is not ready then"
    assert await look(world, watch) == (["live_copy_down"], (GREEN[0], GREEN[2]))
    assert world.effects == ["route green", "start api-green v1.1.0"]
    assert await look(world, watch) == ([], GREEN)
    assert world.route.served() == (Color.GREEN, "r-v1.1.0"), "the same rollout"
    assert world.outages == []


async def test_copy_that_does_not_stay_up_is_started_a_few_times(world: World) -> None:
    watch = await a_watch(world)
    for _ in range(TRIES + 3):
        copies(world)[0].end()
        await look(world, watch)
    assert world.effects.count("start api-green v1.1.0") == TRIES
    assert await look(world, watch) == (["live_copy_down"], GREEN[1:])


async def test_copy_that_the_engine_calls_unhealthy_leaves_the_route(world: World) -> None:
    watch = await a_watch(world, fails_after=100.0, only=3)
    await world.clock.sleep(100)
    assert await look(world, watch) == (["live_copy_down"], GREEN[:2])
    copies(world)[2].started_at = world.clock.monotonic()  # it was started again by hand
    await world.clock.sleep(1)
    assert await look(world, watch) == ([], GREEN)


async def test_copy_in_no_network_leaves_the_route_and_comes_back(world: World) -> None:
    """`docker network disconnect` by mistake: every third request would end with 502."""
    watch = await a_watch(world)
    copies(world)[1].cut_off = True
    assert await look(world, watch) == (["live_copy_down"], (GREEN[0], GREEN[2]))
    assert f"network disconnect`: {GREEN[1]}. To connect a copy again" in world.publisher.alarm_texts[0]
    copies(world)[1].cut_off = False
    assert await look(world, watch) == ([], GREEN)
    assert world.outages == []


async def test_last_copy_stays_in_the_route(world: World) -> None:
    watch = await a_watch(world, fails_after=100.0)
    await world.clock.sleep(100)
    assert (await look(world, watch))[1] == GREEN
    for copy in copies(world):
        copy.end()
    assert await look(world, watch) == (["live_color_down"], GREEN)
    assert world.engine.running("api-green") == ["v1.1.0"] * 3, "all are started again"


async def test_removed_copy_is_named_with_the_command(world: World) -> None:
    watch = await a_watch(world)
    copies(world)[0].end()
    await world.engine.remove(copies(world)[0].id)
    assert await look(world, watch) == (["live_copy_down"], GREEN[1:])
    assert "`docker compose up --detach --no-deps api-green` in /srv/shop" in world.publisher.alarm_texts[0]


async def test_further_copy_of_the_live_release_gets_traffic(world: World) -> None:
    """An operator scales the live color; of another release, nothing gets traffic."""
    watch = await a_watch(world)
    world.engine.place("api-green", "v1.1.0")
    placed = [f"shop-api-green-{n}" for n in range(1, 7)]
    assert await look(world, watch) == ([], tuple(placed))
    world.engine.start_by_hand("api-green", "v1.0.0")
    await world.clock.sleep(1)
    assert (await look(world, watch))[1] == tuple(placed)


async def test_copies_with_other_names_are_all_followed(world: World) -> None:
    watch = await a_watch(world)
    for copy in copies(world):
        copy.host = f"shop_api-green_{copy.number}"
    alarms, names = await look(world, watch)
    assert (alarms, names) == (["route_changed"], tuple(f"shop_api-green_{n}" for n in (1, 2, 3)))
    assert await look(world, watch) == ([], names)


async def test_route_that_was_not_confirmed_follows_the_copies(world: World) -> None:
    """The journal has no rollout id then, but the file has one."""
    watch = await a_watch(world)
    await world.journal.update(lambda s: s.routed_to(Color.GREEN, None))
    copies(world)[0].end()
    assert await look(world, watch) == (["live_copy_down"], GREEN[1:])
    assert await world.route.rollout() == "r-v1.1.0"
    await look(world, watch)
    assert await look(world, watch) == ([], GREEN)


async def test_stopped_copy_waits_while_the_route_file_is_unreadable(world: World) -> None:
    """The file may still name it: it would get requests before it is ready."""
    watch = await a_watch(world)
    copies(world)[0].end()
    world.route.unreadable = True
    found = {"api-green": await world.engine.find("api-green")}
    alarms = await watch._copies.alarms(world.stack, world.state, found, fix=True)
    assert [alarm.kind for alarm in alarms] == ["live_copy_down"]
    assert "start api-green v1.1.0" not in world.effects
