"""No release is missed, and no unwanted release is accepted."""

from datetime import timedelta

import pytest

from app.domain.errors import GitHubRefused, GitHubUnavailable
from app.domain.release import Trigger
from app.domain.rollout import RolloutStatus
from tests.examples import NOW, a_release
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.running import running
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.ports.github import FailedDelivery
from workers.watchdogs.backoff import LONGEST_SECONDS, Backoff
from workers.watchdogs.missed_releases import MissedReleases

EVERY = 900.0
THREE = ("v1.1.0", "v1.2.0", "v1.3.0")


@pytest.fixture
def github(world: World) -> FakeGitHubApi:
    return FakeGitHubApi(world.clock, world.fuse)


@pytest.fixture
def worker(world: World) -> Reconciler:
    world.source.tags |= {"v1.3.0": "3" * 40}
    return world.worker()


@pytest.fixture
async def watch(world: World, github: FakeGitHubApi, worker: Reconciler) -> MissedReleases:
    return MissedReleases(world.stack, world.ports, github, worker, every=EVERY, backoff=Backoff(lambda: 0.5))


def ended(world: World) -> list[tuple[str, RolloutStatus]]:
    return [(rollout.release.tag, rollout.status) for rollout, _ in world.publisher.results]


async def test_newest_missed_release_is_live_in_a_minute(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    github.published = [a_published(tag) for tag in reversed(THREE)]
    async with running(watch):
        await until(lambda: bool(ended(world)), 60)
        await until(lambda: len(world.publisher.never) == 2, 60)
    assert ended(world) == [("v1.3.0", RolloutStatus.SUCCESS)]
    assert {tag: "v1.3.0" in why for tag, why in world.publisher.never} == {"v1.1.0": True, "v1.2.0": True}
    (rollout, _), *_ = world.publisher.results
    assert (rollout.release.trigger, rollout.release.delivery) == (Trigger.RECONCILE, None)
    assert world.state.last_checked_at is not None


async def test_webhook_and_check_yield_one_release(world: World, github: FakeGitHubApi, watch: MissedReleases) -> None:
    published = a_published("v1.2.0")
    github.published = [published]
    world.inbox.put(a_release("v1.2.0", key=published.event.key, delivery="d-1"))
    await watch.check()
    await world.worker().reconcile()
    await watch.check()
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]
    (rollout, _), *_ = world.publisher.results
    assert rollout.release.delivery == "d-1"
    assert len(await world.inbox.known()) == 1


async def test_missed_release_is_journaled_without_redis(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    github.published, world.inbox.away = [a_published("v1.2.0")], True
    async with running(watch):
        await until(lambda: bool(world.state.accepted), 60)
        await world.clock.sleep(EVERY * 2)
        assert ended(world) == [], "the preflight of a rollout that begins now would fail and pause"
        world.inbox.away = False
    await world.worker().reconcile()
    assert ended(world) == [("v1.2.0", RolloutStatus.SUCCESS)]


async def test_release_lost_by_the_journal_is_accepted(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    published = a_published("v1.2.0")
    recorded = a_release("v1.2.0", key=published.event.key)
    world.inbox.put(recorded)
    await world.inbox.taken([recorded])
    github.published = [published]
    await watch.check()
    assert world.state.accepted == (recorded,)


async def test_failed_release_is_not_accepted_again(world: World, github: FakeGitHubApi, watch: MissedReleases) -> None:
    world.engine.behave("api", "v1.2.0", status=500)
    github.published = [a_published("v1.2.0")]
    assert [r.tag for r in await watch.check()] == ["v1.2.0"]
    worker = world.worker()
    await worker.reconcile()
    await Operator(world.ports, worker).unpause()
    assert await watch.check() == []
    await worker.reconcile()
    assert ended(world) == [("v1.2.0", RolloutStatus.FAILED)]


async def test_rolled_back_release_stays_out(world: World, github: FakeGitHubApi, watch: MissedReleases) -> None:
    """The release was applied by hand, so its key is unknown."""
    worker = world.worker()
    world.inbox.put(a_release("v1.2.0", key="manual:r-1", trigger=Trigger.MANUAL))
    await worker.reconcile()
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    await Operator(world.ports, worker).unpause()
    assert (world.state.current and world.state.current.tag) == "v1.0.0"
    github.published = [a_published("v1.2.0"), a_published("v1.1.0")]
    assert await watch.check() == []


async def test_pause_holds_a_missed_release(
    world: World, github: FakeGitHubApi, watch: MissedReleases, worker: Reconciler
) -> None:
    await Operator(world.ports, worker).pause("fix it")
    github.published = [a_published("v1.2.0")]
    await watch.check()
    await worker.reconcile()
    assert ([r.tag for r in world.state.accepted], ended(world)) == (["v1.2.0"], [])


async def test_watch_asks_at_start_and_every_interval(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    async with running(watch):
        await world.clock.sleep(3 * EVERY * 1.05 + 1)
    asked = [(at - NOW).total_seconds() for name, at in github.calls if name == "releases"]
    assert [round(at / EVERY, 2) for at in asked] == [0, 1.05, 2.1, 3.15]


async def test_watch_recovers_within_a_minute(world: World, github: FakeGitHubApi, watch: MissedReleases) -> None:
    github.away, github.published = True, [a_published("v1.2.0")]
    async with running(watch):
        await world.clock.sleep(3600)
        assert len(github.calls) < 70, "GitHub is not asked too often"
        github.away = False
        back = world.clock.now()
        await until(lambda: world.state.last_checked_at is not None, 70)
    assert world.state.last_checked_at is not None
    assert world.state.last_checked_at - back < timedelta(seconds=70)


async def test_last_checked_at_is_kept_during_an_outage(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    await watch.check()
    checked = world.state.last_checked_at
    await world.clock.sleep(100)
    github.away = True
    with pytest.raises(GitHubUnavailable):
        await watch.check()
    assert world.state.last_checked_at == checked


async def test_rate_limit_is_respected_up_to_a_maximum(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    github.away, github.wait = True, 1200.0
    async with running(watch):
        await world.clock.sleep(1200)
        assert len(github.calls) == 1
        await world.clock.sleep(120)
        assert len(github.calls) == 2
        github.wait = 10_000_000.0
        await world.clock.sleep(1300)
        asked = len(github.calls)
        await world.clock.sleep(LONGEST_SECONDS * 1.1)
        assert len(github.calls) == asked + 1


async def test_long_outage_raises_and_clears_an_alarm(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    github.away = True
    async with running(watch):
        await world.clock.sleep(2 * EVERY)
        assert watch.alarms() == []
        await world.clock.sleep(1.1 * EVERY)
        (alarm,) = watch.alarms()
        assert (alarm.kind, "502" in alarm.text) == ("github_silent", True)
        github.away = False
        await world.clock.sleep(70)
        assert watch.alarms() == []


async def test_refused_repository_is_asked_seldom(world: World, github: FakeGitHubApi, watch: MissedReleases) -> None:
    github.refuses = 404
    with pytest.raises(GitHubRefused):
        await watch.check()
    async with running(watch):
        await world.clock.sleep(2 * EVERY)
    assert len(github.calls) == 3


async def test_failed_deliveries_are_reported_once(world: World, github: FakeGitHubApi, watch: MissedReleases) -> None:
    github.failed = [FailedDelivery(7, "d-7", "published", 502, NOW - timedelta(minutes=1))]
    await watch.check()
    await watch.check()
    failed = [data for kind, data in world.publisher.events if kind == "delivery.failed"]
    assert [(d["delivery"], d["status"]) for d in failed] == [("d-7", 502)]


async def test_pages_are_read_until_a_wanted_release(github: FakeGitHubApi, watch: MissedReleases) -> None:
    github.published = [*(a_published(f"v2.0.{n}", prerelease=True) for n in range(5)), a_published("v1.2.0")]
    assert [r.tag for r in await watch.check()] == ["v1.2.0"]
    assert github.called("releases") == 3


async def test_running_rollout_does_not_stop_the_watch(
    world: World, github: FakeGitHubApi, watch: MissedReleases
) -> None:
    world.engine.behave("api", "v1.2.0", ready_after=100)
    github.published = [a_published("v1.2.0")]
    async with running(watch):
        await world.clock.sleep(30)
        assert world.state.rollout is not None
        github.published.append(a_published("v1.3.0"))
        await world.clock.sleep(EVERY * 1.1)
    assert ended(world)[-1] == ("v1.3.0", RolloutStatus.SUCCESS)
