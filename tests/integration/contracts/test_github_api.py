"""The contract of the GitHub port, tested on the fake and on the adapter for GitHub's API."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from app.domain.acceptance.policy import ReleaseEvent
from app.domain.acceptance.published import Published
from app.domain.deployment import DeploymentOutcome, DeploymentReport
from app.domain.errors import GitHubRefused, GitHubUnavailable
from app.domain.required_checks import CheckOutcome, CommitChecks
from app.domain.stack import GitHub
from deploy.demo.github.control import TOKEN, GitHubServer, github_server
from deploy.demo.github.delivery import REPOSITORY, REPOSITORY_ID
from tests.examples import NOW, sha_of
from tests.fakes.clock import FakeClock
from tests.fakes.fuse import Fuse
from tests.fakes.github_api import FakeGitHubApi
from workers.adapters.github_api.client import GithubkitApi
from workers.ports.github import FailedDelivery, GitHubApi, RepositoryIdentity

REPORT = DeploymentReport("r-1", "v1.0.0", None, DeploymentOutcome.SUCCESS, "v1.0.0 is live.")
SHA = sha_of("v1.0.0")
AGES_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Place(Protocol):
    """A GitHub, its control functions, and the deployments that it received."""

    @property
    def github(self) -> GitHubApi: ...
    def publish(self, tag: str) -> int: ...
    def withdraw(self, release_id: int, action: str) -> None: ...
    def check(self, sha: str, name: str, result: str) -> None: ...
    def commit_status(self, sha: str, context: str, state: str) -> None: ...
    def fail_a_delivery(self, guid: str) -> None: ...
    def go_away(self, *, carried_out: bool = False) -> None: ...
    def come_back(self) -> None: ...
    def states(self) -> dict[str, list[str]]: ...


async def all_of(github: GitHubApi) -> list[Published]:
    return [release async for page in github.releases() for release in page]


class GitHubApiContract:
    async def test_releases_are_listed_newest_first(self, place: Place) -> None:
        assert await all_of(place.github) == []
        for tag in ("v1.0.0", "v1.1.0", "v1.2.0"):
            place.publish(tag)
        for _ in range(2):
            assert [p.event.tag for p in await all_of(place.github)] == ["v1.2.0", "v1.1.0", "v1.0.0"]
        first = (await all_of(place.github))[0]
        assert (first.event.repository, first.event.key) == (REPOSITORY, f"{REPOSITORY_ID}:{first.event.release_id}")

    async def test_release_is_found_by_its_id(self, place: Place) -> None:
        number = place.publish("v1.0.0")
        found = await place.github.release(number)
        assert found == (await all_of(place.github))[0]
        assert await place.github.release(number + 1000) is None

    async def test_unpublished_release_is_a_draft(self, place: Place) -> None:
        number = place.publish("v1.0.0")
        place.withdraw(number, "unpublished")
        found = await place.github.release(number)
        assert found is not None
        assert found.event.draft
        assert await all_of(place.github) == []

    async def test_deleted_release_is_gone(self, place: Place) -> None:
        number = place.publish("v1.0.0")
        place.withdraw(number, "deleted")
        assert await place.github.release(number) is None

    async def test_silent_github_does_not_say_that_a_release_is_gone(self, place: Place) -> None:
        number = place.publish("v1.0.0")
        place.go_away()
        with pytest.raises(GitHubUnavailable):
            await place.github.release(number)

    async def test_repository_has_an_id_without_releases(self, place: Place) -> None:
        assert await place.github.repository() == RepositoryIdentity(REPOSITORY, REPOSITORY_ID)

    async def test_tag_resolves_to_its_commit(self, place: Place) -> None:
        place.publish("v1.0.0")
        assert await place.github.commit_of("v1.0.0") == SHA

    async def test_checks_and_statuses_of_a_commit_are_one_list(self, place: Place) -> None:
        place.publish("v1.0.0")
        assert await place.github.checks_of(SHA) == CommitChecks()
        place.check(SHA, "build", "in_progress")
        assert (await place.github.checks_of(SHA)).unfinished
        for name, result in (("build", "success"), ("lint", "skipped"), ("deploy", "timed_out")):
            place.check(SHA, name, result)
        place.commit_status(SHA, "ci/coverage", "pending")
        found = await place.github.checks_of(SHA)
        assert {check.name: (check.outcome.value, check.word) for check in found.checks} == {
            "build": ("green", "success"),
            "lint": ("green", "skipped"),
            "deploy": ("red", "timed_out"),
            "ci/coverage": ("pending", "pending"),
        }
        assert not found.unfinished

    async def test_deployment_is_found_only_by_its_rollout(self, place: Place) -> None:
        place.publish("v1.0.0")
        assert await place.github.find_deployment(SHA, "r-1") is None
        made = await place.github.deploy(REPORT, SHA)
        assert await place.github.find_deployment(SHA, "r-1") == made
        assert await place.github.find_deployment(SHA, "r-2") is None

    async def test_deployment_keeps_all_reported_states(self, place: Place) -> None:
        place.publish("v1.0.0")
        made = await place.github.deploy(REPORT, SHA)
        assert list(await place.github.outcomes(made)) == []
        for outcome in (DeploymentOutcome.QUEUED, DeploymentOutcome.IN_PROGRESS, DeploymentOutcome.SUCCESS):
            await place.github.report(made, outcome, REPORT)
        assert sorted(await place.github.outcomes(made)) == ["in_progress", "queued", "success"]
        assert place.states() == {"v1.0.0": ["queued", "in_progress", "success"]}

    async def test_failed_deliveries_are_filtered_by_time(self, place: Place) -> None:
        place.fail_a_delivery("d-1")
        (failed,) = await place.github.failed_deliveries(AGES_AGO)
        assert (failed.guid, failed.status, failed.action) == ("d-1", 502, "published")
        assert list(await place.github.failed_deliveries(failed.at + timedelta(seconds=1))) == []

    @pytest.mark.parametrize("carried_out", [False, True])
    async def test_unanswered_call_is_not_retried(self, place: Place, carried_out: bool) -> None:
        place.publish("v1.0.0")
        place.go_away(carried_out=carried_out)
        with pytest.raises(GitHubUnavailable) as error:
            await place.github.deploy(REPORT, SHA)
        assert error.value.sent
        for call in (
            place.github.commit_of("v1.0.0"),
            place.github.find_deployment(SHA, "r-1"),
            all_of(place.github),
        ):
            with pytest.raises(GitHubUnavailable):
                await call
        place.come_back()
        assert (await place.github.find_deployment(SHA, "r-1") is not None) == carried_out


class FakePlace:
    def __init__(self) -> None:
        self.github = FakeGitHubApi(FakeClock(), Fuse())
        self.github.identity = RepositoryIdentity(REPOSITORY, REPOSITORY_ID)

    def publish(self, tag: str) -> int:
        number = len(self.github.published) + 1
        event = ReleaseEvent("published", REPOSITORY, REPOSITORY_ID, number, tag, draft=False, prerelease=False)
        self.github.published.insert(0, Published(event, NOW))
        return number

    def withdraw(self, release_id: int, action: str) -> None:
        self.github.withdraw(release_id, action)

    def check(self, sha: str, name: str, result: str) -> None:
        self.github.check(sha, name, result)

    def commit_status(self, sha: str, context: str, state: str) -> None:
        self.github.commit_status(sha, context, state)

    def fail_a_delivery(self, guid: str) -> None:
        self.github.failed.append(FailedDelivery(1, guid, "published", 502, NOW))

    def go_away(self, *, carried_out: bool = False) -> None:
        self.github.away, self.github.carried_out = True, carried_out

    def come_back(self) -> None:
        self.github.away = False

    def states(self) -> dict[str, list[str]]:
        return {tag: states for tag, (states,) in self.github.states().items()}


class ServerPlace:
    def __init__(self, server: GitHubServer, github: GithubkitApi) -> None:
        self.server, self.github = server, github

    def publish(self, tag: str) -> int:
        return self.server.publish(tag, sha_of(tag)).id

    def withdraw(self, release_id: int, action: str) -> None:
        self.server.withdraw(release_id, action)

    def check(self, sha: str, name: str, result: str) -> None:
        self.server.check(sha, name, result)

    def commit_status(self, sha: str, context: str, state: str) -> None:
        self.server.commit_status(sha, context, state)

    def fail_a_delivery(self, guid: str) -> None:
        self.server.hook("https://updater.example.org/webhooks/github")
        self.server.delivered(guid)

    def go_away(self, *, carried_out: bool = False) -> None:
        self.server.weather(status=502, carried_out=carried_out)

    def come_back(self) -> None:
        self.server.weather()

    def states(self) -> dict[str, list[str]]:
        return self.server.states()


class TestFakeGitHubApi(GitHubApiContract):
    @pytest.fixture
    def place(self) -> Place:
        return FakePlace()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("github") / "github.log"


@pytest.fixture
def server(log: Path) -> Iterator[GitHubServer]:
    with github_server(log) as server:
        yield server


def github_of(server: GitHubServer, token: str | None = TOKEN) -> GithubkitApi:
    return GithubkitApi(lambda: REPOSITORY, GitHub(), api_url=server.url, token=token)


class TestGithubkitApi(GitHubApiContract):
    @pytest.fixture
    async def place(self, server: GitHubServer) -> AsyncIterator[Place]:
        github = github_of(server)
        async with github.open():
            yield ServerPlace(server, github)


async def test_unchanged_checks_cost_no_quota(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    server.check(SHA, "build", "success")
    github = github_of(server)
    async with github.open():
        first, used = await github.checks_of(SHA), server.used()
        assert await github.checks_of(SHA) == first
        assert server.used() == used


async def test_checks_come_from_every_page_and_suite(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    for number in range(101):
        server.check(SHA, f"job {number}", "success")
    server.check(SHA, "job 7", "failure", suite=2, link="https://github.com/octo/shop/runs/7")
    github = github_of(server)
    async with github.open():
        found = await github.checks_of(SHA)
    (red,) = [check for check in found.checks if check.outcome is CheckOutcome.RED]
    assert (len(found.checks), red.name, red.link) == (102, "job 7", "https://github.com/octo/shop/runs/7")


async def test_release_carries_author_and_immutability(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    (release,) = await all_of(github_of(server))
    assert (release.event.author, release.event.immutable) == ("zetherion", False)


async def test_unchanged_list_uses_no_quota(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    github = github_of(server)
    first = await all_of(github)
    used = server.used()
    assert await all_of(github) == first
    assert server.used() == used
    assert [c["status"] for c in server.calls("GET")][-2:] == [304, 304]
    server.publish("v1.1.0", SHA)
    assert [p.event.tag for p in await all_of(github)] == ["v1.1.0", "v1.0.0"]


async def test_public_repository_reads_without_token(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    server.publish("v2.0.0", SHA, draft=True)
    github = github_of(server, None)
    assert [p.event.tag for p in await all_of(github)] == ["v1.0.0"]
    assert list(await github.failed_deliveries(AGES_AGO)) == []
    with pytest.raises(GitHubRefused) as error:
        await github.deploy(REPORT, SHA)
    assert error.value.status == 404


@pytest.mark.parametrize("known", [True, False])
async def test_private_repository_is_not_taken_for_a_withdrawal(server: GitHubServer, known: bool) -> None:
    """GitHub answers 404 for everything that this token may not read."""
    number = server.publish("v1.0.0", SHA).id if known else 7
    for github in (
        github_of(server, "a-wrong-token"),
        GithubkitApi(lambda: "a/b", GitHub(), api_url=server.url, token=None),
    ):
        with pytest.raises(GitHubRefused):
            await github.release(number)


async def test_draft_is_gone_for_those_who_may_only_read(server: GitHubServer) -> None:
    number = server.publish("v1.0.0", SHA).id
    server.withdraw(number, "unpublished")
    assert await github_of(server, None).release(number) is None


async def test_wrong_token_is_refused_and_hidden(server: GitHubServer) -> None:
    with pytest.raises(GitHubRefused) as error:
        await all_of(github_of(server, "a-wrong-token"))
    assert (error.value.status, "a-wrong-token" in str(error.value)) == (401, False)


async def test_rate_limit_raises_without_sleeping(server: GitHubServer) -> None:
    server.weather(limited=1800)
    with pytest.raises(GitHubUnavailable) as error:
        await all_of(github_of(server))
    assert (1700 < error.value.wait <= 1800, error.value.sent) == (True, False)
    assert len(server.calls()) == 1


async def test_post_with_a_5xx_answer_is_sent_once(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    server.weather(status=502, carried_out=True)
    with pytest.raises(GitHubUnavailable):
        await github_of(server).deploy(REPORT, SHA)
    assert (len(server.calls("POST")), len(server.deployments())) == (1, 1)


async def test_refused_connection_counts_as_not_sent() -> None:
    unreachable = GithubkitApi(lambda: REPOSITORY, GitHub(), api_url="http://127.0.0.1:1", token=TOKEN)
    with pytest.raises(GitHubUnavailable) as error:
        await unreachable.deploy(REPORT, SHA)
    assert not error.value.sent


async def test_deployment_carries_stack_file_settings(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    settings = GitHub(
        True, "staging", "https://shop.example.org", "https://updater.example.org/update/rollouts/{rollout_id}/log"
    )
    github = GithubkitApi(lambda: REPOSITORY, settings, api_url=server.url, token=TOKEN)
    await github.report(await github.deploy(REPORT, SHA), DeploymentOutcome.SUCCESS, REPORT)
    (made,) = server.deployments()
    (status,) = made["states"]
    assert (made["environment"], made["ref"], made["payload"]) == (
        "staging",
        SHA,
        {"rollout_id": "r-1", "tag": "v1.0.0"},
    )
    assert (status["environment_url"], status["description"]) == ("https://shop.example.org", REPORT.description)
    assert status["log_url"] == "https://updater.example.org/update/rollouts/r-1/log"


async def test_a_release_beyond_the_first_page_is_found(server: GitHubServer) -> None:
    for number in range(60):
        server.publish(f"v1.{number}.0", SHA)
    assert len(await all_of(github_of(server))) == 60


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_on_the_same_server_is_followed(server: GitHubServer, status: int) -> None:
    """GitHub answers so after a repository was renamed: once with another path, here with the same one."""
    server.publish("v1.0.0", SHA)
    for call in (all_of, lambda github: github.deploy(REPORT, SHA)):
        server.weather(moved="", status=status, times=1)
        assert await call(github_of(server))
    assert [c["status"] for c in server.calls("POST")] == [status, 201]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_to_another_server_is_refused(server: GitHubServer, tmp_path: Path, status: int) -> None:
    """The other server would answer like GitHub, and accept the token."""
    server.publish("v1.0.0", SHA)
    with github_server(tmp_path / "elsewhere.log") as elsewhere:
        elsewhere.publish("v6.6.6", SHA)
        server.weather(moved=elsewhere.url, status=status)
        for call in (all_of, lambda github: github.deploy(REPORT, SHA)):
            with pytest.raises(GitHubRefused, match="redirect to another server") as error:
                await call(github_of(server))
            assert error.value.status == status
        assert elsewhere.calls() == []
        assert elsewhere.deployments() == []


@pytest.mark.parametrize("moved", ["http://[", ""])
async def test_endless_or_broken_redirect_is_refused(server: GitHubServer, moved: str) -> None:
    server.weather(moved=moved)
    with pytest.raises(GitHubRefused, match="redirect"):
        await all_of(github_of(server))
    assert len(server.calls()) <= 4


async def test_redirect_of_another_kind_is_no_success(server: GitHubServer) -> None:
    server.publish("v1.0.0", SHA)
    made = await github_of(server).deploy(REPORT, SHA)
    server.weather(moved="", status=303)
    with pytest.raises(GitHubRefused):
        await github_of(server).report(made, DeploymentOutcome.SUCCESS, REPORT)
