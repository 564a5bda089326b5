"""Each rollout is reported to GitHub exactly once, even if GitHub is unavailable or the worker is killed."""

import contextlib
from datetime import timedelta

import pytest

from app.domain.errors import GitHubRefused, StaleWorker
from app.domain.rollout import RolloutStatus
from tests.examples import a_release, sha_of
from tests.fakes.fuse import Crash
from tests.fakes.github_api import FakeGitHubApi, FakeOutbox
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.running import running
from workers.control.operator import Operator
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.deployments import SETTLE_SECONDS, Deployments

OUTAGE = 120.0
LIVE = ["queued", "in_progress", "success"]


@pytest.fixture
def github(world: World) -> FakeGitHubApi:
    return FakeGitHubApi(world.clock, world.fuse)


@pytest.fixture
def outbox(world: World) -> FakeOutbox:
    return FakeOutbox(world.fuse)


@pytest.fixture
def deployments(world: World, github: FakeGitHubApi, outbox: FakeOutbox) -> Deployments:
    return new_deployments(world, github, outbox)


def new_deployments(world: World, github: FakeGitHubApi, outbox: FakeOutbox) -> Deployments:
    """The deployments of a new worker process."""
    return Deployments(world.ports, github, outbox, backoff=Backoff(lambda: 0.0))


async def go_live(world: World, tag: str) -> RolloutStatus:
    world.inbox.put(a_release(tag))
    await world.worker().reconcile()
    return world.publisher.results[-1][0].status


async def test_rollout_is_reported_as_it_progresses(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    async with running(deployments):
        await go_live(world, "v1.1.0")
        await until(lambda: github.states() == {"v1.1.0": [LIVE]}, 10)
    (made,) = github.deployments.values()
    assert (made.sha, made.rollout_id) == (sha_of("v1.1.0"), "r-v1.1.0")
    assert made.descriptions["success"].startswith("v1.1.0 is live")


async def test_replaced_release_becomes_inactive(world: World, github: FakeGitHubApi, deployments: Deployments) -> None:
    async with running(deployments):
        await go_live(world, "v1.1.0")
        await go_live(world, "v1.2.0")
        await until(lambda: github.states() == {"v1.1.0": [[*LIVE, "inactive"]], "v1.2.0": [LIVE]}, 10)
    assert "v1.2.0" in github.deployments[1].descriptions["inactive"]


async def test_release_fault_is_reported_as_failure(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    async with running(deployments):
        await go_live(world, "v1.1.0")
        world.engine.behave("bot", "v1.2.0", ready_after=10_000)
        assert await go_live(world, "v1.2.0") is RolloutStatus.ROLLED_BACK
        await until(lambda: github.states() == {"v1.1.0": [LIVE], "v1.2.0": [["queued", "in_progress", "failure"]]}, 10)


async def test_machine_fault_is_reported_as_error(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    world.route.deaf = True
    async with running(deployments):
        await go_live(world, "v1.1.0")
        await until(lambda: github.states() == {"v1.1.0": [["queued", "in_progress", "error"]]}, 10)


async def test_held_release_is_queued_then_inactive(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    worker = world.worker()
    async with running(deployments):
        await Operator(world.ports, worker).pause("fix it")
        world.inbox.put(a_release("v1.1.0"))
        await worker.reconcile()
        await until(lambda: github.states() == {"v1.1.0": [["queued"]]}, 10)
        world.inbox.put(a_release("v1.2.0"))
        await Operator(world.ports, worker).unpause()
        await worker.reconcile()
        await until(lambda: github.states() == {"v1.1.0": [["queued", "inactive"]], "v1.2.0": [LIVE]}, 10)


async def test_operators_rollback_is_its_own_deployment(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    worker = world.worker()
    async with running(deployments):
        await go_live(world, "v1.1.0")
        await go_live(world, "v1.2.0")
        await Operator(world.ports, worker).roll_back(None)
        await worker.reconcile()
        gone = [*LIVE, "inactive"]
        await until(lambda: github.states() == {"v1.1.0": [gone, LIVE], "v1.2.0": [gone]}, 10)


@pytest.mark.parametrize("carried_out", [False, True])
async def test_github_outage_does_not_delay_a_rollout(
    world: World, github: FakeGitHubApi, deployments: Deployments, carried_out: bool
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    undisturbed = World()
    await undisturbed.live("v1.0.0")
    undisturbed.engine.behave("api", "v1.1.0", ready_after=60)
    started = world.clock.now()
    await go_live(undisturbed, "v1.1.0")
    took = world.clock.now() - started
    async with running(deployments):
        github.away, github.carried_out = True, carried_out
        started = world.clock.now()
        assert await go_live(world, "v1.1.0") is RolloutStatus.SUCCESS
        assert abs(world.clock.now() - started - took) < timedelta(seconds=1)
        await world.clock.sleep(max(0.0, OUTAGE - took.total_seconds()))
        github.away = False
        await until(lambda: len(github.states().get("v1.1.0", [[]])[0]) == 3, 120)
    assert github.states() == {"v1.1.0": [LIVE]}


async def test_lost_answer_is_looked_up_before_a_retry(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().take_in()
    github.away, github.carried_out, github.only = True, True, "deploy"
    async with running(deployments):
        await until(lambda: github.states() == {"v1.1.0": [["queued"]]}, 10)
    assert github.called("deploy") == 1


async def test_last_post_is_given_time_before_a_retry(world: World, github: FakeGitHubApi, outbox: FakeOutbox) -> None:
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().take_in()
    first = new_deployments(world, github, outbox)
    world.fuse.light(3)  # the attempt is on disk; the worker is killed during the call
    with pytest.raises(Crash):
        await first.report()
    world.fuse.put_out()
    killed = world.clock.now()
    async with running(new_deployments(world, github, outbox)):
        await until(lambda: github.states() == {"v1.1.0": [["queued"]]}, 120)
    deployed = [at for name, at in github.calls if name == "deploy"]
    assert deployed[-1] - killed >= timedelta(seconds=SETTLE_SECONDS - 1)


async def test_kill_at_any_moment_keeps_one_deployment(world: World) -> None:
    """Kills the worker once at every moment before and after every write and every POST."""
    assert await go_live(world, "v1.1.0") is RolloutStatus.SUCCESS
    moments = 0
    while True:
        github, outbox = FakeGitHubApi(world.clock, world.fuse), FakeOutbox(world.fuse)
        world.fuse.light(moments)
        with contextlib.suppress(Crash):
            await new_deployments(world, github, outbox).report()
            world.fuse.put_out()
            break
        world.fuse.put_out()
        async with running(new_deployments(world, github, outbox)):
            await until(lambda: github.states().get("v1.1.0", [[]])[0][-1:] == ["success"], 600)  # noqa: B023
        assert github.states() == {"v1.1.0": [LIVE]}, f"killed at moment {moments}"
        moments += 1
    assert moments > 20


async def test_lost_outbox_creates_no_duplicate(world: World, github: FakeGitHubApi, outbox: FakeOutbox) -> None:
    worker = world.worker()
    await Operator(world.ports, worker).pause("fix it")
    world.inbox.put(a_release("v1.1.0"))
    await worker.reconcile()
    await new_deployments(world, github, outbox).report()
    lost = FakeOutbox(world.fuse, world.clock.now())
    async with running(new_deployments(world, github, lost)):
        await Operator(world.ports, worker).unpause()
        await worker.reconcile()
        await until(lambda: github.states() == {"v1.1.0": [LIVE]}, 10)


async def test_replaced_worker_reports_nothing(world: World, github: FakeGitHubApi, deployments: Deployments) -> None:
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().take_in()
    world.journal.epoch = 99
    with pytest.raises(StaleWorker):
        await deployments.report()
    await deployments.run()
    assert github.deployments == {}


async def test_refused_token_alarms_and_slows_retries(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    github.refuses = 403
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().take_in()
    with pytest.raises(GitHubRefused):
        await deployments.report()
    async with running(deployments):
        await world.clock.sleep(600)
        (alarm,) = deployments.alarms()
        assert (alarm.kind, "403" in alarm.text) == ("github_not_told", True)
        assert len(github.calls) == 2
        github.refuses = None
        await until(lambda: deployments.alarms() == [], 1000)
    assert github.states() == {"v1.1.0": [["queued"]]}


async def test_refused_rollout_does_not_block_others(
    world: World, github: FakeGitHubApi, deployments: Deployments
) -> None:
    async with running(deployments):
        github.refuses = 422
        await go_live(world, "v1.1.0")
        await until(lambda: bool(github.calls), 10)
        github.refuses = None
        await go_live(world, "v1.2.0")
        await until(lambda: github.states() == {"v1.2.0": [LIVE]}, 10)
