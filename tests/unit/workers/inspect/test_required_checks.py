"""The plan and the doctor say what GitHub has of the required checks."""

import pytest

from app.domain.findings import Verdict
from app.domain.required_checks import RequiredChecks
from app.domain.stack import Policy
from app.domain.state import State
from tests.examples import a_live, a_stack, sha_of
from tests.fakes.github_api import FakeGitHubApi
from tests.fakes.world import World
from workers.control.jobs import Jobs
from workers.inspect.required_checks import checked, planned

NAMED = RequiredChecks(("build", "lint"))
LIVE = State(current=a_live("v1.0.0"))


@pytest.fixture
def github(world: World) -> FakeGitHubApi:
    return FakeGitHubApi(world.clock, world.fuse)


def results(github: FakeGitHubApi, tag: str, **each: str) -> None:
    for name, result in each.items():
        github.check(sha_of(tag), name, result)


async def test_plan_says_that_a_release_would_wait(github: FakeGitHubApi) -> None:
    results(github, "v1.1.0", build="success", lint="queued")
    assert await planned(NAMED, github, "v1.1.0") == (
        "policy/require_checks: as a release from GitHub it would wait. Not finished: lint. "
        "`updater deploy v1.1.0` does not wait."
    )


async def test_plan_says_that_a_release_would_be_refused(github: FakeGitHubApi) -> None:
    results(github, "v1.1.0", build="success", lint="failure")
    assert "it would be refused: commit 76312e312e30: lint ended" in str(await planned(NAMED, github, "v1.1.0"))


async def test_plan_is_silent_about_green_checks(github: FakeGitHubApi) -> None:
    results(github, "v1.1.0", build="success", lint="skipped")
    assert await planned(NAMED, github, "v1.1.0") is None
    assert await planned(None, github, "v1.2.0") is None


async def test_plan_is_made_while_github_is_away(github: FakeGitHubApi) -> None:
    github.away = True
    assert "it would wait. GitHub is unavailable" in str(await planned(NAMED, github, "v1.1.0"))


@pytest.mark.parametrize(
    ("each", "verdict", "says"),
    [
        ({"build": "success", "lint": "failure"}, Verdict.OK, "GitHub has them for v1.0.0"),
        ({"build": "success"}, Verdict.WARNING, "no check named lint"),
        ({}, Verdict.WARNING, "It has no check at all"),
    ],
)
async def test_doctor_tries_the_names_on_the_live_release(
    github: FakeGitHubApi, each: dict[str, str], verdict: Verdict, says: str
) -> None:
    results(github, "v1.0.0", **each)
    (check,) = await checked(NAMED, github, LIVE)
    assert (check.status, says in check.found) == (verdict, True)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_doctor_names_the_missing_permission(github: FakeGitHubApi, status: int) -> None:
    github.refuses = status
    (check,) = await checked(NAMED, github, LIVE)
    assert (check.status, "Checks (read)" in check.found) == (Verdict.FAILED, True)


async def test_doctor_needs_a_release_to_try_the_names() -> None:
    world = World()
    (check,) = await checked(NAMED, FakeGitHubApi(world.clock, world.fuse), State())
    assert check.status is Verdict.OK


async def test_jobs_show_them_in_plan_and_doctor() -> None:
    world = World(a_stack(policy=Policy(require_checks=NAMED)))
    await world.live("v1.0.0")
    jobs = Jobs(world.stack, world.ports, world.worker(), FakeGitHubApi(world.clock, world.fuse))
    warnings = (await jobs.plan({}, "v1.1.0"))["warnings"]
    assert [w for w in warnings if w.startswith("policy/require_checks")]
    assert "required_checks" in [check["name"] for check in (await jobs.doctor({}))["checks"]]
