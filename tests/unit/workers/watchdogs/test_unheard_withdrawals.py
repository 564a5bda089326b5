"""A release that is withdrawn without a webhook is seen at the next look at GitHub's list."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.errors import GitHubUnavailable
from app.domain.release import Trigger
from app.domain.rollout import RolloutStatus
from app.domain.stack import Color
from app.domain.withdrawal import DELETED, UNPUBLISHED
from tests.examples import NOW, a_release, sha_of
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from tests.unit.workers.control.holding import ended
from workers.control.last_check import WAITED
from workers.control.reconcile import Reconciler
from workers.ports.github import RepositoryIdentity
from workers.watchdogs.missed_releases import MissedReleases
from workers.watchdogs.withdrawn_releases import WithdrawnReleases

LIVE = a_release("v1.1.0", key="1:7", published_at=NOW)


class Watch:
    """The watchdogs of a worker, and their GitHub."""

    def __init__(self, world: World) -> None:
        self.github = FakeGitHubApi(world.clock, world.fuse)
        self.github.published = [a_published("v1.1.0", 7)]
        self.worker: Reconciler = world.worker()
        self.missed = MissedReleases(world.stack, world.ports, self.github, self.worker, every=900)
        self._withdrawn = WithdrawnReleases(world.ports, self.worker)

    def alarms(self) -> list[str]:
        return [alarm.kind for alarm in self._withdrawn.alarms()]


@pytest.fixture
async def watch(world: World) -> Watch:
    return Watch(world)


@pytest.mark.parametrize("action", [DELETED, UNPUBLISHED])
async def test_live_release_that_was_withdrawn_raises_the_alarm(world: World, watch: Watch, action: str) -> None:
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    await watch.missed.check()
    assert (watch.alarms(), watch.github.called("release")) == ([], 0)
    before = list(world.effects)
    watch.github.withdraw(7, action)
    for _ in range(2):
        await watch.missed.check()
        await watch.worker.reconcile()
    assert (watch.alarms(), watch.github.called("release")) == (["live_release_withdrawn"], 1)
    assert (world.effects, world.state.paused, world.state.last_good_tag) == (before, False, "v1.1.0")


async def ends_the_alarm(world: World, watch: Watch, withdrawal: str, number: int, *, heard: bool) -> None:
    """The live release is withdrawn, then its tag is published as release `number`; nothing rolls out."""
    watch.github.withdraw(7, withdrawal)
    await watch.missed.check()
    assert watch.alarms() == ["live_release_withdrawn"]
    later, before = NOW + timedelta(minutes=5), list(world.effects)
    watch.github.published = [a_published("v1.1.0", number, at=later)]
    if heard:
        again = replace(LIVE, key=f"1:{number}", rollout_id="r-again", published_at=later)
        assert await world.inbox.accept(again) is None
    for _ in range(2):
        await watch.missed.check()
        await watch.worker.reconcile()
    assert (watch.alarms(), world.effects, world.state.accepted) == ([], before, ())
    assert world.publisher.never == [("v1.1.0", "v1.1.0 is already live")]


@pytest.mark.parametrize("heard", [False, True])
async def test_live_release_that_is_published_again_ends_the_alarm(world: World, watch: Watch, heard: bool) -> None:
    """With the webhook of the new publication, and without it. It is live already, so nothing rolls out."""
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    await ends_the_alarm(world, watch, UNPUBLISHED, 7, heard=heard)


@pytest.mark.parametrize("heard", [False, True])
async def test_new_release_of_the_live_commit_ends_the_alarm(world: World, watch: Watch, heard: bool) -> None:
    """Its author deleted the release, and made a new one of the same tag, which has not moved."""
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    await ends_the_alarm(world, watch, DELETED, 8, heard=heard)
    watch.github.withdraw(8, DELETED)
    await watch.missed.check()
    assert watch.alarms() == ["live_release_withdrawn"]


@pytest.mark.parametrize("key", ["1:7", "1:8"], ids=["published again", "a new release of the tag"])
async def test_release_of_the_live_tag_at_another_commit_is_refused(world: World, watch: Watch, key: str) -> None:
    """It is not "already live": another commit runs."""
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    watch.github.withdraw(7, UNPUBLISHED)
    await watch.missed.check()
    before, later = list(world.effects), NOW + timedelta(minutes=5)
    world.source.moved.add("v1.1.0")
    world.source.tags["v1.1.0"] = "b" * 40
    again = replace(LIVE, key=key, rollout_id="r-again", published_at=later)
    assert await world.inbox.accept(again) is None
    watch.github.published = [a_published("v1.1.0", int(key[2:]), at=later)]
    for _ in range(2):
        await watch.worker.reconcile()
        await watch.missed.check()
    assert [tag for tag, _ in world.publisher.never] == ["v1.1.0"], "it is refused once"
    refused = world.publisher.entries[-1]
    assert (refused.rollout_id, refused.reason_code, refused.result) == ("r-again", "tag_moved", RolloutStatus.FAILED)
    assert sha_of("v1.1.0")[:12] in str(refused.error)
    assert "b" * 12 in str(refused.error)
    assert (world.effects, world.state.accepted, world.state.paused) == (before, (), False)
    assert world.state.current is not None
    assert world.state.current.sha == sha_of("v1.1.0")


async def test_release_of_the_live_tag_says_that_git_was_silent(world: World, watch: Watch) -> None:
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    world.source.away = True
    again = replace(LIVE, key="1:8", rollout_id="r-again", published_at=NOW + timedelta(minutes=5))
    assert await world.inbox.accept(again) is None
    await watch.worker.reconcile()
    assert world.publisher.entries[-1].reason_code == "superseded"
    assert "Whether its tag has moved since is not known" in str(world.publisher.entries[-1].error)


async def test_request_for_another_commit_of_the_live_tag_is_refused(world: World, watch: Watch) -> None:
    """It waited behind the rollout of the tag. A superseded request of the live tag is answered as a success."""
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    asked = a_release("v1.1.0", key="manual:r-2", trigger=Trigger.MANUAL, rollout_id="r-2")
    world.inbox.put(replace(asked, commit="c" * 40))
    await watch.worker.reconcile()
    assert (world.publisher.entries[-1].rollout_id, world.publisher.entries[-1].reason_code) == ("r-2", "tag_moved")


async def test_rollout_of_a_withdrawn_release_never_flips(world: World, watch: Watch) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=90)
    world.inbox.put(LIVE)
    rolling = asyncio.create_task(watch.worker.reconcile())
    while not any(effect.startswith("start api-green") for effect in world.effects):
        await world.clock.sleep(0.01)
    watch.github.withdraw(7, DELETED)
    await world.clock.sleep(WAITED.total_seconds())
    await watch.missed.check()
    await rolling
    assert (ended(world), world.route.served()[0]) == ([("v1.1.0", RolloutStatus.WITHDRAWN)], Color.BLUE)
    assert not world.state.paused


async def test_rollout_goes_on_while_github_lacks_its_new_release(world: World, watch: Watch) -> None:
    """Right after a publication, not each of GitHub's servers has the release that its webhook announced."""
    world.engine.behave("api", "v1.1.0", ready_after=30)
    world.inbox.put(LIVE)
    rolling = asyncio.create_task(watch.worker.reconcile())
    while not any(effect.startswith("start api-green") for effect in world.effects):
        await world.clock.sleep(0.01)
    listed, watch.github.published = watch.github.published, []
    await watch.missed.check()
    watch.github.published = listed
    await rolling
    assert (ended(world), world.state.withdrawn) == ([("v1.1.0", RolloutStatus.SUCCESS)], ())


async def test_live_release_of_a_later_page_raises_no_alarm(world: World, watch: Watch) -> None:
    """Older releases were published after it."""
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    watch.github.published = [*[a_published(f"v0.{n}.0", 100 + n) for n in range(3)], *watch.github.published]
    await watch.missed.check()
    assert (watch.alarms(), watch.github.called("release")) == ([], 1)


@pytest.mark.parametrize("github", ["is away", "refuses", "is another repository"])
async def test_release_that_github_may_still_have_raises_no_alarm(world: World, watch: Watch, github: str) -> None:
    world.inbox.put(LIVE)
    await watch.worker.reconcile()
    watch.github.published, watch.github.only = [], "release"
    watch.github.away, watch.github.refuses = github == "is away", 403 if github == "refuses" else None
    watch.github.identity = RepositoryIdentity("octo/shop", 2 if github == "is another repository" else 1)
    with contextlib.suppress(GitHubUnavailable):
        await watch.missed.check()
    assert (watch.alarms(), world.state.withdrawn, watch.github.called("release")) == ([], (), 1)
    assert (world.state.last_checked_at is None) == (github == "is away")


async def test_release_that_an_operator_deployed_is_not_asked_for(world: World, watch: Watch) -> None:
    """GitHub needs no release of it."""
    watch.github.published = []
    world.inbox.put(a_release("v1.1.0", key="manual:r-1", trigger=Trigger.MANUAL))
    await watch.worker.reconcile()
    await watch.missed.check()
    assert (watch.alarms(), watch.github.called("release")) == ([], 0)


async def test_list_that_names_the_repository_is_enough(watch: Watch) -> None:
    """Each request counts without a token."""
    await watch.missed.check()
    assert watch.github.called("repository") == 0
    watch.github.published = []
    await watch.missed.check()
    assert watch.github.called("repository") == 1
