"""The samples of the traffic that the dashboard draws."""

from app.api.traffic import SAMPLES_KEPT, ColorTraffic
from app.domain.traffic import Tally
from tests.fakes.world import World
from tests.running import running
from workers.control.reconcile import Reconciler
from workers.watchdogs.traffic_watch import IDLE_SECONDS, ROLLOUT_SECONDS, TrafficWatch


def a_watch(world: World) -> TrafficWatch:
    assert world.ports.traffic is not None
    return TrafficWatch(world.ports.traffic, world.ports, Reconciler(world.stack, world.ports))


async def test_sample_is_what_came_since_the_last_look() -> None:
    world = World()
    await world.live("v1.0.0")
    world.clients.rps = 20
    watch = a_watch(world)
    await watch.look()
    for _ in range(3):
        await world.clock.sleep(IDLE_SECONDS)
        await watch.look()
    series = world.publisher.charts[-1]
    assert [(s.seconds, s.colors["blue"].requests) for s in series.samples] == [(IDLE_SECONDS, 40.0)] * 3
    assert series.samples[-1].colors["green"] == ColorTraffic()


async def test_idle_traffic_is_read_less_often_than_in_a_rollout() -> None:
    world = World()
    await world.live("v1.0.0")
    watch = a_watch(world)
    async with running(watch):
        await world.clock.sleep(10 * IDLE_SECONDS)
    assert len(world.publisher.charts) <= 11
    assert ROLLOUT_SECONDS < IDLE_SECONDS


async def test_unreadable_metrics_are_named_and_leave_a_hole() -> None:
    world = World()
    await world.live("v1.0.0")
    watch = a_watch(world)
    await watch.look()
    await world.clock.sleep(IDLE_SECONDS)
    world.clients.away = True
    await watch.look()
    assert world.publisher.charts[-1].unknown is not None
    world.clients.away = False
    await watch.look()
    assert world.publisher.charts[-1].samples == (), "a rate over the hole would be wrong"
    await world.clock.sleep(IDLE_SECONDS)
    await watch.look()
    last = world.publisher.charts[-1]
    assert (len(last.samples), last.unknown) == (1, None)


async def test_series_is_bounded() -> None:
    world = World()
    await world.live("v1.0.0")
    watch = a_watch(world)
    for _ in range(SAMPLES_KEPT + 20):
        await watch.look()
        await world.clock.sleep(IDLE_SECONDS)
    assert len(world.publisher.charts[-1].samples) == SAMPLES_KEPT


def test_mean_time_needs_a_request() -> None:
    assert ColorTraffic.of(Tally(40, 2, 0.5), 10) == ColorTraffic(requests=4.0, errors=0.2, mean_ms=12.5)
    assert ColorTraffic.of(Tally(), 10).mean_ms is None
