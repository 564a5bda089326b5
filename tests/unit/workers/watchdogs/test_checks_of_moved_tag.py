"""The tag of a release that requires checks moves while it waits: only the checks of its present commit decide."""

from dataclasses import replace

import pytest

from app.domain.acceptance.decision import Hold
from app.domain.errors import GitHubRefused
from app.domain.required_checks import EXPECTED_SECONDS, CheckOutcome, CommitCheck, CommitChecks, RequiredChecks
from app.domain.required_checks import Standing as S
from app.domain.rollout import RolloutStatus
from app.domain.stack import Policy
from app.domain.withdrawal import DELETED
from tests.examples import a_release, a_stack, sha_of
from tests.fakes.github_api import FakeGitHubApi, a_published
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.running import running
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.required_checks import RequiredChecksWatch

NAMED = RequiredChecks(("build",))
TAG, SHA, OTHER = "v1.1.0", sha_of("v1.1.0"), "b" * 40
GREEN, PENDING, RED = CheckOutcome.GREEN, CheckOutcome.PENDING, CheckOutcome.RED


class Place:
    """A release that waits for its checks, and its GitHub, whose API and whose Git may be at different commits."""

    def __init__(self, *, approval: bool = False) -> None:
        self.world = World(a_stack(policy=Policy(require_checks=NAMED)))
        self.github = FakeGitHubApi(self.world.clock, self.world.fuse)
        self.github.published = [a_published(TAG, 7)]
        self.world.github = self.github
        self.worker: Reconciler = self.world.worker(approval=approval)
        self.operator = Operator(self.world.ports, self.worker)
        self.watch = RequiredChecksWatch(
            NAMED, self.world.ports, self.github, self.worker, backoff=Backoff(lambda: 0.0)
        )

    async def wait(self) -> None:
        await self.world.live("v1.0.0")
        self.world.inbox.put(a_release(TAG, key="1:7"))
        await self.worker.reconcile()
        assert self.world.state.accepted[0].commit == SHA

    def judged(self, sha: str, outcome: CheckOutcome) -> None:
        self.github.checks[sha] = CommitChecks((CommitCheck("build", outcome),))

    def move(self, *, git: bool = True, api: bool = True) -> None:
        if git:
            self.world.source.tags[TAG] = OTHER
        if api:
            self.github.commits[TAG] = OTHER

    @property
    def holds(self) -> list[Hold]:
        return [held.why for held in self.worker.decide().held]

    @property
    def live(self) -> str | None:
        return self.world.state.current.sha if self.world.state.current else None


@pytest.fixture
async def place() -> Place:
    made = Place()
    await made.wait()
    return made


async def test_moved_tag_is_asked_about_at_once(place: Place) -> None:
    await place.operator.pause("look first")
    place.judged(SHA, GREEN)
    await place.watch.look()
    place.move()
    place.judged(OTHER, GREEN)
    await place.worker.check_again(place.world.state.accepted[0])
    assert not place.world.state.accepted[0].has_green_checks
    assert await place.watch.look()
    assert place.world.state.accepted[0].has_green_checks


@pytest.mark.parametrize(("git", "api"), [(True, False), (False, True)], ids=["GitHub is behind", "Git is behind"])
@pytest.mark.parametrize("old", [GREEN, RED])
async def test_verdict_on_another_commit_decides_nothing(place: Place, git: bool, api: bool, old: CheckOutcome) -> None:
    """What GitHub says is of one commit, and Git has another one: the release neither begins nor ends."""
    await place.operator.pause("look first")
    place.judged(SHA if git else OTHER, old)
    place.judged(OTHER if git else SHA, PENDING)
    place.move(git=git, api=api)
    await place.worker.check_again(place.world.state.accepted[0])
    await place.watch.look()
    await place.operator.unpause()
    await place.worker.reconcile()
    assert (place.holds, place.world.effects, place.world.publisher.never) == ([Hold.CHECKS], [], [])
    place.move()
    place.judged(OTHER, GREEN)
    async with running(place.watch):
        await until(lambda: place.live == OTHER, 100)


async def test_release_that_moves_after_green_waits_again(place: Place) -> None:
    """Its rollout would refuse it, and it may become green."""
    place.judged(SHA, GREEN)
    place.move(api=False)
    assert await place.watch.look()
    await place.worker.reconcile()
    assert (place.holds, place.world.publisher.results) == ([Hold.CHECKS], [])
    place.move()
    place.judged(OTHER, GREEN)
    async with running(place.watch):
        await until(lambda: place.live == OTHER, 100)
    assert [r.status for r, _ in place.world.publisher.results] == [RolloutStatus.SUCCESS]


async def test_red_answer_of_before_the_move_is_void(place: Place) -> None:
    """The tag moves, and the worker sees it, while GitHub answers about the commit before."""
    place.judged(SHA, RED)
    asked = place.github.checks_of

    async def late(sha: str) -> CommitChecks:
        answer = await asked(sha)
        place.move()
        await place.worker.check_again(place.world.state.accepted[0])
        return answer

    place.github.checks_of = late  # type: ignore[method-assign]
    await place.watch.look()
    assert ([r.commit for r in place.world.state.accepted], place.world.publisher.never) == ([OTHER], [])


async def test_commits_that_stay_different_raise_an_alarm(place: Place) -> None:
    """For example because `source` is a mirror that no one updates."""
    place.judged(OTHER, GREEN)
    place.move(git=False)
    async with running(place.watch):
        await place.world.clock.sleep(EXPECTED_SECONDS + 60)
    (alarm,) = place.watch.alarms()
    assert all(part in alarm.text for part in (TAG, SHA[:12], OTHER[:12], "`source`"))
    assert place.world.state.accepted[0].checks.standing is S.MISSING  # type: ignore[union-attr]
    assert place.github.called("commit_of") < 40


async def test_commit_unknown_until_green_is_compared() -> None:
    """Git did not answer while the release waited. When it does, the checks were those of another commit."""
    place = Place()
    place.world.source.away = True
    await place.world.live("v1.0.0")
    place.world.inbox.put(a_release(TAG, key="1:7"))
    await place.worker.reconcile()
    place.judged(SHA, GREEN)
    place.move(api=False)
    await place.watch.look()
    place.world.source.away = False
    await place.worker.reconcile()
    assert (place.holds, place.world.publisher.results) == ([Hold.CHECKS], [])


async def test_second_look_at_the_move_keeps_the_approval() -> None:
    place = Place(approval=True)
    await place.wait()
    before = place.world.state.accepted[0]
    place.move()
    await place.worker.check_again(before)
    await place.operator.approve(TAG)
    await place.worker.check_again(before)
    (after,) = place.world.state.accepted
    assert after == replace(before, commit=OTHER, moved_from=SHA, approved=True)


@pytest.mark.parametrize("status", [404, 422])
@pytest.mark.parametrize("gone", ["the tag", "the release"])
async def test_withdrawn_release_does_not_wait_for_checks(place: Place, status: int, gone: str) -> None:
    """The webhook of its withdrawal was lost, and GitHub has no commit of its tag."""

    async def refused(tag: str) -> str:
        raise GitHubRefused(f"no commit found for {tag}", status=status)

    place.github.commit_of = refused  # type: ignore[method-assign]
    if gone == "the tag":
        del place.world.source.tags[TAG]
    else:
        place.github.withdraw(7, DELETED)
    await place.watch.look()
    assert (place.world.state.accepted, place.watch.alarms()) == ((), [])
    assert [(e.tag, e.result) for e in place.world.publisher.entries] == [(TAG, "withdrawn")]


async def test_token_without_access_is_said_once(place: Place) -> None:
    place.github.refuses = 404
    async with running(place.watch):
        await place.world.clock.sleep(600)
    assert [kind for kind, _ in place.world.publisher.events].count("release.unchecked") == 1
    assert [r.tag for r in place.world.state.accepted] == [TAG]
