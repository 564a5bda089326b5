"""Ignored releases are notified of once, and those in GitHub's list are recorded."""

from datetime import timedelta

import pytest

from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.acceptance.policy import refusal_of
from app.domain.errors import LedgerUnavailable
from tests.examples import NOW
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from workers.watchdogs.ignored_releases import IgnoredReleases
from workers.watchdogs.missed_releases import MissedReleases


@pytest.fixture
def github(world: World) -> FakeGitHubApi:
    return FakeGitHubApi(world.clock, world.fuse)


def an_ignored(world: World, tag: str) -> IgnoredRelease:
    event = a_published(tag).event
    refusal = refusal_of(event, world.stack)
    assert refusal is not None
    return IgnoredRelease.of(event, refusal, NOW, "d-1")


async def test_each_kind_of_tag_is_notified_once(world: World) -> None:
    watch = IgnoredReleases(world.ports, "shop")
    for tag in ("web-v0.1.0", "web-v0.2.0", "2024.01.05", "v1.1.0-rc.1"):
        await world.inbox.ignore(an_ignored(world, tag))
        await watch.look()
    assert [notice.title for notice in world.notifier.notices] == [
        "shop: web-v0.1.0 was ignored",
        "shop: 2024.01.05 was ignored",
    ]
    assert list(watch.alarms()) == []


async def test_ignored_release_without_a_webhook_is_recorded_once(world: World, github: FakeGitHubApi) -> None:
    github.published = [a_published("2024.01.05", 7, at=NOW + timedelta(days=1)), a_published("v0.1.0", 3)]
    watch = MissedReleases(world.stack, world.ports, github, world.worker(), every=900.0)
    for _ in range(2):
        assert await watch.check() == []
    (found,) = await world.inbox.ignored()
    assert (found.key, found.tag, found.delivery) == ("1:7", "2024.01.05", None)


async def test_release_with_a_usual_reason_is_not_recorded(world: World, github: FakeGitHubApi) -> None:
    github.published = [a_published("v1.1.0-rc.1", 7)]
    await MissedReleases(world.stack, world.ports, github, world.worker(), every=900.0).check()
    assert await world.inbox.ignored() == []


async def test_missed_releases_are_accepted_without_redis(world: World, github: FakeGitHubApi) -> None:
    github.published = [a_published("nightly", 7, at=NOW + timedelta(days=1)), a_published("v1.1.0", 8)]
    world.inbox.away = True
    await MissedReleases(world.stack, world.ports, github, world.worker(), every=900.0).check()
    assert [release.tag for release in world.state.accepted] == ["v1.1.0"]
    with pytest.raises(LedgerUnavailable):
        await world.inbox.ignored()
