"""A release that requires checks begins only when they are green."""

import asyncio
from datetime import datetime

import pytest

from app.domain.acceptance.decision import Hold
from app.domain.release import Trigger
from app.domain.required_checks import CheckOutcome, CommitCheck, CommitChecks, RequiredChecks, Standing
from app.domain.rollout import RolloutStatus
from app.domain.stack import Policy
from tests.examples import a_release, a_stack, sha_of
from tests.fakes.github_api import FakeGitHubApi
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.running import running
from workers.control.operator import Operator
from workers.control.reconcile import Reconciler
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.required_checks import RequiredChecksWatch

NAMED = RequiredChecks(("build",))
SHA = sha_of("v1.1.0")
LINK = "https://github.com/octo/shop/runs/7"
GREEN, PENDING, RED = CheckOutcome.GREEN, CheckOutcome.PENDING, CheckOutcome.RED


def checks(outcome: CheckOutcome, name: str = "build") -> CommitChecks:
    return CommitChecks((CommitCheck(name, outcome, "failure" if outcome is RED else "", LINK),))


@pytest.fixture
async def world() -> World:
    world = World(a_stack(policy=Policy(require_checks=NAMED)))
    await world.live("v1.0.0")
    return world


@pytest.fixture
def github(world: World) -> FakeGitHubApi:
    return FakeGitHubApi(world.clock, world.fuse)


@pytest.fixture
async def worker(world: World) -> Reconciler:
    world.inbox.put(a_release("v1.1.0"))
    worker = world.worker()
    await worker.reconcile()
    return worker


@pytest.fixture
async def watch(world: World, github: FakeGitHubApi, worker: Reconciler) -> RequiredChecksWatch:
    return a_watch(world, github, worker)


def a_watch(
    world: World, github: FakeGitHubApi, worker: Reconciler, required: RequiredChecks = NAMED
) -> RequiredChecksWatch:
    return RequiredChecksWatch(required, world.ports, github, worker, backoff=Backoff(lambda: 0.0))


def live(world: World) -> str | None:
    return world.state.current.tag if world.state.current else None


def standing(world: World) -> Standing | None:
    (release,) = world.state.accepted
    return release.checks.standing if release.checks else None


async def test_release_waits_and_begins_when_green(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    github.checks[SHA] = checks(PENDING)
    async with running(watch):
        await until(lambda: standing(world) is Standing.WAITING)
        (held,) = worker.decide().held
        assert held.why is Hold.CHECKS
        github.checks[SHA] = checks(GREEN)
        await until(lambda: live(world) == "v1.1.0", 300)
    assert len(world.publisher.results) == 1


async def test_red_check_refuses_with_its_link(world: World, github: FakeGitHubApi, watch: RequiredChecksWatch) -> None:
    github.checks[SHA] = checks(RED)
    assert await watch.look()
    assert world.state.accepted == ()
    ((tag, why),) = world.publisher.never
    assert (tag, LINK in why) == ("v1.1.0", True)
    assert why.endswith("re-run the job on GitHub and then run `updater deploy v1.1.0`")
    assert not world.state.paused
    (entry,) = world.publisher.entries
    assert (entry.result, entry.reason_code) == ("failed", "checks_refused")
    assert LINK in str(entry.error)


async def test_check_that_turns_red_while_held_refuses(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    await Operator(world.ports, worker).pause("look first")
    github.checks[SHA] = checks(GREEN)
    await watch.look()
    assert standing(world) is Standing.GREEN
    github.checks[SHA] = checks(RED)
    async with running(watch):
        await until(lambda: not world.state.accepted, 100)
    assert live(world) == "v1.0.0"


@pytest.mark.parametrize("refuses", [None, 403])
async def test_green_checks_stay_green_while_github_does_not_say(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch, refuses: int | None
) -> None:
    await Operator(world.ports, worker).pause("look first")
    github.checks[SHA] = checks(GREEN)
    await watch.look()
    github.away, github.refuses = True, refuses
    await world.clock.sleep(30)
    assert not await watch.look()
    assert (standing(world), github.called("commit_of")) == (Standing.GREEN, 2)


async def test_cancel_during_the_question_counts(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    github.checks[SHA] = checks(RED)
    asking = asyncio.create_task(watch.look())
    await until(lambda: github.called("commit_of") == 1)
    await Operator(world.ports, worker).cancel("r-v1.1.0")
    await asking
    assert [entry.result for entry in world.publisher.entries] == ["cancelled"]


async def test_replaced_worker_stops_asking(world: World, watch: RequiredChecksWatch, github: FakeGitHubApi) -> None:
    github.checks[SHA] = checks(GREEN)
    world.journal.epoch = world.state.epoch + 1
    await asyncio.wait_for(watch.run(), 60)
    assert standing(world) is None


async def test_release_waits_while_github_is_away(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    github.checks[SHA], github.away = checks(GREEN), True
    async with running(watch):
        await until(lambda: any(alarm.kind == "checks_unknown" for alarm in watch.alarms()), 900)
        await worker.reconcile()
        assert (live(world), standing(world)) == ("v1.0.0", Standing.SILENT)
        assert github.called("commit_of") < 40
        github.away = False
        await until(lambda: live(world) == "v1.1.0", 300)
    assert watch.alarms() == []


async def test_missing_permission_says_which_to_grant(
    world: World, github: FakeGitHubApi, watch: RequiredChecksWatch
) -> None:
    github.refuses = 403
    await watch.look()
    assert standing(world) is Standing.REFUSED
    (alarm,) = watch.alarms()
    assert "Checks (read)" in alarm.text
    assert "Commit statuses (read)" in alarm.text


async def test_name_that_never_appears_raises_an_alarm(
    world: World, github: FakeGitHubApi, watch: RequiredChecksWatch
) -> None:
    github.checks[SHA] = checks(GREEN, "Build")
    async with running(watch):
        await until(lambda: standing(world) is Standing.WAITING)
        assert watch.alarms() == []
        await until(lambda: standing(world) is Standing.MISSING, 700)
    (alarm,) = watch.alarms()
    assert "Traffic stays on the live release. There is no check named build" in alarm.text
    assert "It has Build" in alarm.text


async def test_restart_waits_on_and_asks_again(world: World, github: FakeGitHubApi, watch: RequiredChecksWatch) -> None:
    github.checks[SHA] = checks(PENDING)
    await watch.look()
    second = world.worker()
    await second.start()
    await second.reconcile()
    assert (live(world), standing(world)) == ("v1.0.0", Standing.WAITING)
    github.checks[SHA] = checks(GREEN)
    async with running(a_watch(world, github, second)):
        await until(lambda: live(world) == "v1.1.0", 300)


async def test_green_newer_release_supersedes_the_waiting_one(
    world: World, github: FakeGitHubApi, watch: RequiredChecksWatch
) -> None:
    github.checks = {SHA: checks(PENDING), sha_of("v1.2.0"): checks(GREEN)}
    world.inbox.put(a_release("v1.2.0"))
    async with running(watch):
        await until(lambda: live(world) == "v1.1.0" or bool(world.state.accepted))
        await world.worker().take_in()
        await until(lambda: live(world) == "v1.2.0", 300)
    assert [tag for tag, _ in world.publisher.never] == ["v1.1.0"]


async def test_green_older_release_does_not_wait_for_a_newer(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    github.checks = {SHA: checks(GREEN), sha_of("v1.2.0"): checks(PENDING)}
    world.inbox.put(a_release("v1.2.0"))
    await worker.reconcile()
    async with running(watch):
        await until(lambda: live(world) == "v1.1.0", 300)
    assert [release.tag for release in world.state.accepted] == ["v1.2.0"]


async def test_operators_apply_and_rollback_do_not_wait(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    github.checks[SHA] = checks(PENDING)
    await watch.look()
    world.inbox.put(a_release("v1.1.0", key="manual:r-9", rollout_id="r-9", trigger=Trigger.MANUAL))
    await worker.reconcile()
    assert live(world) == "v1.1.0"
    github.away = True
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert live(world) == "v1.0.0"


async def test_red_check_does_not_refuse_what_an_operator_asked_for(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    await Operator(world.ports, worker).pause("look first")
    github.checks[SHA] = checks(RED)
    world.inbox.put(a_release("v1.1.0", key="manual:r-9", rollout_id="r-9", trigger=Trigger.MANUAL))
    await worker.reconcile()
    await watch.look()
    assert [release.key for release in world.state.accepted] == ["manual:r-9"]


async def test_used_up_rate_limit_is_waited_out(
    world: World, github: FakeGitHubApi, watch: RequiredChecksWatch
) -> None:
    github.away, github.wait = True, 600
    async with running(watch):
        await world.clock.sleep(500)
        assert github.called("commit_of") == 1


async def test_moved_tag_is_judged_by_its_new_commit(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    await Operator(world.ports, worker).pause("look first")
    github.checks[SHA] = checks(GREEN)
    await watch.look()
    github.commits["v1.1.0"] = "b" * 40
    async with running(watch):
        await until(lambda: standing(world) is Standing.WAITING, 100)


async def test_tag_that_moved_after_green_is_not_rolled_out(
    world: World, github: FakeGitHubApi, worker: Reconciler, watch: RequiredChecksWatch
) -> None:
    github.checks[SHA] = checks(GREEN)
    world.publisher.at_event("rollout.started", lambda: world.source.tags.update({"v1.1.0": "b" * 40}))
    assert await watch.look()
    await worker.reconcile()
    ((rollout, state),) = world.publisher.results
    assert (rollout.status, rollout.reason_code) == (RolloutStatus.FAILED, "checks_refused")
    assert (live(world), state.paused, world.effects) == ("v1.0.0", False, [])


async def test_all_checks_wait_for_those_that_begin_late(
    world: World, github: FakeGitHubApi, worker: Reconciler
) -> None:
    github.checks[SHA] = checks(GREEN)
    begun: datetime = world.clock.now()
    async with running(a_watch(world, github, worker, RequiredChecks())):
        await until(lambda: live(world) == "v1.1.0", 300)
    (rollout, _), *_ = world.publisher.results
    assert (rollout.started_at - begun).total_seconds() >= 60


async def test_check_that_appears_late_is_awaited(world: World, github: FakeGitHubApi, worker: Reconciler) -> None:
    async with running(a_watch(world, github, worker, RequiredChecks())):
        await until(lambda: standing(world) is Standing.MISSING, 700)
        github.check(SHA, "lint", "success")
        await world.clock.sleep(50)
        github.check(SHA, "build", "success")
        await world.clock.sleep(50)
        assert standing(world) is Standing.WAITING
        await until(lambda: live(world) == "v1.1.0", 300)


async def test_alarm_stays_after_a_restart(world: World, github: FakeGitHubApi, watch: RequiredChecksWatch) -> None:
    async with running(watch):
        await until(lambda: standing(world) is Standing.MISSING, 700)
    second = world.worker()
    await second.start()
    again = a_watch(world, github, second)
    for _ in range(2):
        assert [alarm.kind for alarm in again.alarms()] == ["checks_unknown"]
        await again.look()


async def test_nothing_is_asked_or_written_without_need(
    world: World, github: FakeGitHubApi, watch: RequiredChecksWatch
) -> None:
    github.checks[SHA] = checks(PENDING)
    await watch.look()
    written, asked = world.state, github.called("checks_of")
    await watch.look()
    assert github.called("checks_of") == asked
    await world.clock.sleep(30)
    assert not await watch.look()
    assert (github.called("checks_of"), world.state) == (asked + 1, written)
