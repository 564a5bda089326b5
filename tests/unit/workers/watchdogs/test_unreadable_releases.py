"""A release that another version recorded stops nothing, and is reported until it is decided."""

import pytest

from app.domain.errors import LedgerUnavailable
from app.domain.release import UnreadableRelease
from app.domain.tags import TagRule
from tests.examples import a_release
from tests.fakes.world import World
from tests.running import running
from workers.watchdogs.drift_watch import DriftWatch
from workers.watchdogs.unreadable_releases import LOOK_SECONDS, SHOWN, UnreadableReleases

ODD = UnreadableRelease("1:9", "v9.0.0")


async def test_unreadable_release_raises_one_alarm(world: World) -> None:
    watch = UnreadableReleases(world.ports, TagRule())
    await watch.look()
    assert watch.alarms() == []
    world.inbox.unreadable = [ODD]
    await watch.look()
    (alarm,) = watch.alarms()
    assert (alarm.kind, "v9.0.0 (1:9)" in alarm.text) == ("release_unreadable", True)
    assert "traffic" in alarm.text
    assert "updater deploy" in alarm.text
    drift = DriftWatch(world.stack, world.ports, world.worker(), watch.alarms)
    await drift.look()
    assert world.publisher.alarmed[-1] == ["release_unreadable"]


async def test_other_releases_go_live_meanwhile(world: World) -> None:
    world.inbox.unreadable = [ODD]
    world.inbox.put(a_release("v1.1.0"))
    await UnreadableReleases(world.ports, TagRule()).look()
    await world.worker().reconcile()
    assert world.state.last_good_tag == "v1.1.0"


async def test_alarm_ends_when_an_operator_deletes_it(world: World) -> None:
    world.inbox.unreadable = [ODD]
    watch = UnreadableReleases(world.ports, TagRule())
    await watch.look()
    world.inbox.unreadable = []
    await watch.look()
    assert watch.alarms() == []


async def test_release_taken_from_github_ends_the_alarm(world: World) -> None:
    world.inbox.unreadable = [ODD]
    await world.journal.update(lambda s: s.accept(a_release("v9.0.0", key="1:9")))
    watch = UnreadableReleases(world.ports, TagRule())
    await watch.look()
    assert (watch.alarms(), world.inbox.unreadable, world.publisher.events) == ([], [], [])


@pytest.mark.parametrize("tag", ["v1.0.0", "v0.9.0"])
async def test_release_that_is_not_newer_is_superseded(world: World, tag: str) -> None:
    world.inbox.unreadable = [UnreadableRelease("1:9", tag)]
    watch = UnreadableReleases(world.ports, TagRule())
    await watch.look()
    assert (watch.alarms(), world.inbox.unreadable) == ([], [])
    ((kind, data),) = world.publisher.events
    assert (kind, data["tag"]) == ("release.superseded", tag)


async def test_release_without_a_readable_tag_is_kept(world: World) -> None:
    world.inbox.unreadable = [UnreadableRelease("1:9"), UnreadableRelease("1:10", "2026-01")]
    watch = UnreadableReleases(world.ports, TagRule())
    await watch.look()
    assert "accepted 1:9, 2026-01 (1:10)," in watch.alarms()[0].text


async def test_alarm_names_only_a_few(world: World) -> None:
    world.inbox.unreadable = [UnreadableRelease(f"1:{n}") for n in range(SHOWN + 3)]
    watch = UnreadableReleases(world.ports, TagRule())
    await watch.look()
    assert "and 3 more" in watch.alarms()[0].text


async def test_watch_outlives_an_outage_of_redis(world: World) -> None:
    world.inbox.unreadable, world.inbox.away = [ODD], True
    watch = UnreadableReleases(world.ports, TagRule())
    with pytest.raises(LedgerUnavailable):
        await watch.look()
    async with running(watch):
        await world.clock.sleep(LOOK_SECONDS / 2)
        assert watch.alarms() == []
        world.inbox.away = False
        await world.clock.sleep(LOOK_SECONDS)
        assert len(watch.alarms()) == 1


async def test_replaced_worker_sets_nothing_aside(world: World) -> None:
    world.inbox.unreadable = [UnreadableRelease("1:9", "v0.9.0")]
    world.journal.epoch = 99
    await UnreadableReleases(world.ports, TagRule()).run()
    assert len(world.inbox.unreadable) == 1
