"""Required checks over real HTTP: from GitHub's lists to what the worker decides."""

from collections.abc import AsyncIterator

import pytest

from app.domain.acceptance.decision import Hold
from app.domain.required_checks import RequiredChecks, Standing
from app.domain.stack import GitHub, Policy
from deploy.demo.github.control import TOKEN, GitHubServer
from deploy.demo.github.delivery import REPOSITORY
from tests.examples import a_release, a_stack, sha_of
from tests.fakes.world import World
from workers.adapters.github_api.client import GithubkitApi
from workers.control.reconcile import Reconciler
from workers.watchdogs.required_checks import RequiredChecksWatch

NAMED = RequiredChecks(("build", "ci/coverage"))
SHA = sha_of("v1.1.0")
LINK = "https://github.com/octo/shop/runs/7"


@pytest.fixture
async def world(github: GitHubServer) -> World:
    world = World(a_stack(policy=Policy(require_checks=NAMED)))
    await world.live("v1.0.0")
    await world.journal.update(lambda s: s.accept(a_release("v1.1.0")))
    github.publish("v1.1.0", SHA)
    return world


@pytest.fixture
def worker(world: World) -> Reconciler:
    return world.worker()


@pytest.fixture
async def watch(world: World, worker: Reconciler, github: GitHubServer) -> AsyncIterator[RequiredChecksWatch]:
    api = GithubkitApi(lambda: REPOSITORY, GitHub(), api_url=github.url, token=TOKEN)
    async with api.open():
        yield RequiredChecksWatch(NAMED, world.ports, api, worker, every=0)


def standing(world: World) -> Standing | None:
    (release,) = world.state.accepted
    return release.checks.standing if release.checks else None


async def test_run_and_status_have_to_be_green(
    world: World, worker: Reconciler, watch: RequiredChecksWatch, github: GitHubServer
) -> None:
    await watch.look()
    assert standing(world) is Standing.WAITING
    github.check(SHA, "build", "success")
    github.check(SHA, "flaky", "failure")
    github.commit_status(SHA, "ci/coverage", "pending")
    assert not await watch.look()
    assert [held.why for held in worker.decide().held] == [Hold.CHECKS]
    github.commit_status(SHA, "ci/coverage", "success")
    assert await watch.look()
    go = worker.decide().go
    assert go is not None
    assert (go.tag, go.checks and go.checks.sha) == ("v1.1.0", SHA)


async def test_red_run_refuses_with_its_link(world: World, watch: RequiredChecksWatch, github: GitHubServer) -> None:
    github.check(SHA, "build", "timed_out", link=LINK)
    assert await watch.look()
    ((tag, why),) = world.publisher.never
    assert (tag, f"build ended with timed_out ({LINK})" in why, world.state.accepted) == ("v1.1.0", True, ())


async def test_repeated_job_counts(world: World, watch: RequiredChecksWatch, github: GitHubServer) -> None:
    github.check(SHA, "build", "failure")
    github.check(SHA, "build", "success")
    github.commit_status(SHA, "ci/coverage", "failure")
    github.commit_status(SHA, "ci/coverage", "success")
    assert await watch.look()
    assert standing(world) is Standing.GREEN


async def test_moved_tag_is_asked_about_again(world: World, watch: RequiredChecksWatch, github: GitHubServer) -> None:
    github.check(SHA, "build", "success")
    github.commit_status(SHA, "ci/coverage", "success")
    assert await watch.look()
    github.publish("v1.1.0", "b" * 40)
    await watch.look()
    assert standing(world) is Standing.WAITING


@pytest.mark.parametrize("status", [502, 403, 404])
async def test_unanswered_question_lets_nothing_go(
    world: World,
    worker: Reconciler,
    watch: RequiredChecksWatch,
    github: GitHubServer,
    status: int,
) -> None:
    github.check(SHA, "build", "success")
    github.commit_status(SHA, "ci/coverage", "success")
    github.weather(status=status)
    assert not await watch.look()
    assert standing(world) is (Standing.SILENT if status >= 500 else Standing.REFUSED)
    assert worker.decide().go is None


async def test_used_up_rate_limit_is_waited_out(world: World, watch: RequiredChecksWatch, github: GitHubServer) -> None:
    github.weather(limited=3600)
    await watch.look()
    calls = len(github.calls("GET"))
    await watch.look()
    assert (standing(world), len(github.calls("GET"))) == (Standing.SILENT, calls)
