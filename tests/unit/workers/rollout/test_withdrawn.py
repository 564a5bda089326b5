"""A rollout asks whether its release was withdrawn: right before the flip, and on GitHub when its tag is gone."""

import asyncio
from typing import cast

import pytest

from app.domain.acceptance.published import Published
from app.domain.release import Release, Trigger
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from app.domain.withdrawal import Withdrawal
from tests.examples import NOW, a_release
from tests.fakes.clock import VirtualTimeLoop
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from workers.ports.github import RepositoryIdentity
from workers.rollout.withdrawn import FRESH_SECONDS

NEW = a_release("v1.1.0", key="1:7", published_at=NOW)


def with_github(world: World, *published: Published) -> FakeGitHubApi:
    world.github = github = FakeGitHubApi(world.clock, world.fuse)
    github.published = list(published)
    return github


async def rolled_out(world: World, release: Release = NEW) -> Rollout:
    world.inbox.put(release)
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


@pytest.mark.parametrize("moved", [False, True], ids=["missing", "moved"])
@pytest.mark.parametrize("published", [None, a_published("v1.1.0", 7, draft=True), a_published("v1.1.1", 7)])
async def test_tag_of_a_withdrawn_release_does_not_pause(
    world: World, published: Published | None, moved: bool
) -> None:
    """It was taken back seconds after its publication, or got another tag."""
    with_github(world, *([published] if published else []))
    world.source.moved |= {"v1.1.0"} if moved else set()
    world.source.tags.pop("v1.1.0")
    ended = await rolled_out(world)
    assert (ended.status, ended.reason_code) == (RolloutStatus.WITHDRAWN, "withdrawn")
    assert (world.state.paused, world.effects, world.state.accepted) == (False, [], ())


async def test_tag_that_goes_in_the_rollout_is_withdrawn_for_good(world: World) -> None:
    """A late delivery of its publication does not bring it back."""
    with_github(world)
    world.publisher.at_event("rollout.started", lambda: world.source.tags.pop("v1.1.0"))
    assert (await rolled_out(world)).status is RolloutStatus.WITHDRAWN
    known = await world.inbox.accept(NEW)
    assert known is not None
    assert known.rollout_id == "withdrawn"


@pytest.mark.parametrize("github", ["has it", "is away", "is another repository"])
async def test_missing_tag_pauses_unless_github_says_why(world: World, github: str) -> None:
    there = with_github(world, *[a_published("v1.1.0", 7)] * (github == "has it"))
    there.away = github == "is away"
    there.identity = RepositoryIdentity("octo/shop", 2) if github == "is another repository" else None
    world.source.tags.pop("v1.1.0")
    ended = await rolled_out(world)
    assert (ended.status, ended.reason_code, world.state.paused) == (RolloutStatus.FAILED, "tag_not_found", True)


async def test_tag_that_comes_late_goes_live(world: World) -> None:
    """GitHub announces a release before each of its servers has it: it is asked when the rollout would fail."""
    github = with_github(world)
    world.publisher.at_event("step.retrying", lambda: world.source.tags.update({"v1.1.0": "1" * 40}))
    world.source.tags.pop("v1.1.0")
    assert (await rolled_out(world)).status is RolloutStatus.SUCCESS
    assert github.calls == []


async def test_missing_tag_that_an_operator_asked_for_is_not_withdrawn(world: World) -> None:
    github = with_github(world)
    world.source.tags.pop("v1.1.0")
    by_hand = a_release("v1.1.0", key="manual:r-1", trigger=Trigger.MANUAL)
    assert (await rolled_out(world, by_hand)).reason_code == "tag_not_found"
    assert github.calls == []


@pytest.mark.parametrize("suspended", [0.1, 36.0])
async def test_withdrawal_during_a_suspension_stops_the_flip(world: World, suspended: float) -> None:
    """A worker that is suspended has the answer of before in its socket when it goes on."""

    def happens() -> None:
        cast(VirtualTimeLoop, asyncio.get_running_loop()).advance(suspended)
        world.inbox.take_back(Withdrawal("1:7", "v1.1.0", world.clock.now(), "it was deleted", NOW))

    world.publisher.at_event("rollout.started", lambda: setattr(world.inbox, "on_the_way", happens))
    ended = await rolled_out(world)
    late = suspended > FRESH_SECONDS
    assert ended.status is (RolloutStatus.WITHDRAWN if late else RolloutStatus.SUCCESS)
    assert world.state.active_color is (Color.BLUE if late else Color.GREEN)
