"""A stack whose releases are ordered by GitHub's date of publication."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.errors import TagMoved
from app.domain.tags import TagOrder, TagRule
from tests.examples import NOW, a_release, a_stack, sha_of
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from workers.control.jobs import Jobs
from workers.watchdogs.missed_releases import MissedReleases

DAY = timedelta(days=1)
OLD, LIVE, NEW = (
    a_published("zebra", 1, at=NOW - DAY),
    a_published("v1.0.0", 2, at=NOW),
    a_published("aardvark", 3, at=NOW + DAY),
)


@pytest.fixture
async def world() -> World:
    world = World(a_stack(tags=TagRule("*", TagOrder.PUBLISHED)))
    await world.live("v1.0.0")
    world.source.tags |= {"zebra": "a" * 40, "aardvark": "b" * 40}
    return world


@pytest.fixture
def github(world: World) -> FakeGitHubApi:
    github = FakeGitHubApi(world.clock, world.fuse)
    github.published = [NEW, LIVE, OLD]
    return github


@pytest.fixture
def jobs(world: World, github: FakeGitHubApi) -> Jobs:
    return Jobs(world.stack, world.ports, world.worker(), github)


async def test_check_learns_the_date_of_the_live_release(world: World, github: FakeGitHubApi) -> None:
    """The state file is of an earlier version, or was rebuilt: then every release would count as newer."""
    watch = MissedReleases(world.stack, world.ports, github, world.worker(), every=900.0)
    assert [release.tag for release in await watch.check()] == ["aardvark"]
    assert world.state.current is not None
    assert world.state.current.published_at == NOW


async def test_waiting_release_gets_githubs_date(world: World, github: FakeGitHubApi) -> None:
    github.published = [OLD, LIVE]
    await world.journal.update(lambda s: s.accept(a_release("zebra", after=2 * DAY.total_seconds())))
    await MissedReleases(world.stack, world.ports, github, world.worker(), every=900.0).check()
    await world.worker().reconcile()
    assert [(tag, "the live v1.0.0 is newer" in why) for tag, why in world.publisher.never] == [("zebra", True)]


async def test_rollback_keeps_the_date(world: World, github: FakeGitHubApi) -> None:
    worker = world.worker()
    await MissedReleases(world.stack, world.ports, github, worker, every=900.0).check()
    await worker.reconcile()
    await Jobs(world.stack, world.ports, worker, github).rollback({}, None, force=False)
    await worker.reconcile()
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.current.published_at) == ("v1.0.0", NOW)
    again = MissedReleases(world.stack, world.ports, github, worker, every=900.0)
    assert await again.check() == []


async def test_manual_call_asks_github_for_the_date(jobs: Jobs) -> None:
    assert (await jobs.find_tag({}, "aardvark"))["published_at"] == (NOW + DAY).isoformat()


@pytest.mark.parametrize("away", [True, False])
async def test_release_without_a_date_needs_force(jobs: Jobs, world: World, github: FakeGitHubApi, away: bool) -> None:
    github.published = [LIVE]
    if away:
        github.away = True
    found = await jobs.find_tag({}, "aardvark")
    assert (found["published_at"], "tags/order" in found["undated"], "force" in found["undated"]) == (None, True, True)
    assert found["undated"] in (await jobs.plan({}, "aardvark"))["blocked_by"]


async def test_plan_compares_by_date(jobs: Jobs, world: World) -> None:
    await world.journal.update(lambda s: s.dated({"v1.0.0": NOW}))
    assert "zebra is not newer than the live v1.0.0" in "; ".join((await jobs.plan({}, "zebra"))["blocked_by"])


async def test_other_orders_do_not_ask_github(world: World, github: FakeGitHubApi) -> None:
    jobs = Jobs(replace(world.stack, tags=TagRule()), world.ports, world.worker(), github)
    assert set(await jobs.find_tag({}, "aardvark")) == {"sha"}


async def test_manual_call_may_name_the_commit(world: World) -> None:
    jobs, commit = Jobs(replace(world.stack, tags=TagRule()), world.ports, world.worker()), sha_of("v1.1.0")
    assert await jobs.find_tag({}, "v1.1.0", commit[:7]) == {"sha": commit, "commit": commit}
    with pytest.raises(TagMoved, match=f"v1.1.0 points to {commit[:12]} now, and not to bbbbbbb"):
        await jobs.find_tag({}, "v1.1.0", "bbbbbbb")


async def test_plan_names_the_key_for_a_tag_without_a_place(world: World, github: FakeGitHubApi) -> None:
    jobs = Jobs(replace(world.stack, tags=TagRule()), world.ports, world.worker(), github)
    planned = await jobs.plan({}, "zebra")
    assert not planned["would_start"]
    assert 'write `tags: {pattern: "*", order: published}` in the stack file' in "; ".join(planned["blocked_by"])
