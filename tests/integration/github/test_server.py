"""The demo's GitHub server matches githubkit's models of GitHub's answers, and GitHub's behavior."""

import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from githubkit import GitHub
from githubkit.exception import PrimaryRateLimitExceeded, RequestFailed

from deploy.demo.github.control import TOKEN, GitHubServer
from deploy.demo.github.delivery import HOOK_ID

OWNER, NAME = "zetherion", "sample-stack"
SHA = "a" * 40
HERE = (OWNER, NAME)
Client = GitHub[Any]
NO_MERGE: dict[str, Any] = {"auto_merge": False, "required_contexts": []}


def asked_by(server: GitHubServer, token: str | None) -> Client:
    return GitHub(token, base_url=server.url, timeout=10, auto_retry=False, http_cache=False, trust_env=False)


@pytest.fixture
async def api(github: GitHubServer) -> AsyncIterator[Client]:
    async with asked_by(github, TOKEN) as client:
        yield client


@pytest.fixture
async def stranger(github: GitHubServer) -> AsyncIterator[Client]:
    async with asked_by(github, None) as client:
        yield client


async def refused(call: Awaitable[Any]) -> int:
    with pytest.raises(RequestFailed) as error:
        await call
    return int(error.value.response.status_code)


async def test_checks_match_githubkit_models(api: Client, github: GitHubServer) -> None:
    github.publish("v1.0.0", SHA)
    repos, checks = api.rest.repos, api.rest.checks
    assert (await repos.async_get_combined_status_for_ref(*HERE, SHA)).parsed_data.state == "pending"
    for result in ("failure", "in_progress"):
        github.check(SHA, "build", result)
    github.commit_status(SHA, "ci/coverage", "success")
    latest = (await checks.async_list_for_ref(*HERE, SHA)).parsed_data
    assert [(run.name, run.status, run.conclusion) for run in latest.check_runs] == [("build", "in_progress", None)]
    every = (await checks.async_list_for_ref(*HERE, SHA, filter_="all")).parsed_data
    assert every.total_count == 2
    suites = (await checks.async_list_suites_for_ref(*HERE, SHA)).parsed_data.check_suites
    assert [(suite.status, suite.latest_check_runs_count) for suite in suites] == [("queued", 0), ("in_progress", 1)]
    combined = (await repos.async_get_combined_status_for_ref(*HERE, SHA)).parsed_data
    assert (combined.state, [s.context for s in combined.statuses]) == ("success", ["ci/coverage"])


async def test_answers_match_githubkit_models(api: Client, github: GitHubServer) -> None:
    github.publish("v1.0.0", SHA)
    github.hook("https://updater.example.org/webhooks/github")
    github.delivered("d-1")
    repos = api.rest.repos
    assert (await repos.async_get(*HERE)).parsed_data.full_name == f"{OWNER}/{NAME}"
    assert [r.tag_name for r in (await repos.async_list_releases(*HERE)).parsed_data] == ["v1.0.0"]
    assert (await repos.async_get_commit(*HERE, "v1.0.0")).parsed_data.sha == SHA
    assert [h.id for h in (await repos.async_list_webhooks(*HERE)).parsed_data] == [HOOK_ID]
    failed = await repos.async_list_webhook_deliveries(*HERE, HOOK_ID, status="failure")
    assert [(d.guid, d.status_code) for d in failed.parsed_data] == [("d-1", 502)]
    made = (await repos.async_create_deployment(*HERE, ref="v1.0.0", payload={"tag": "v1.0.0"}, **NO_MERGE)).parsed_data
    assert made.sha == SHA
    number = made.id
    assert [d.id for d in (await repos.async_list_deployments(*HERE, sha=SHA)).parsed_data] == [number]
    status = await repos.async_create_deployment_status(*HERE, number, state="in_progress")
    assert status.parsed_data.state == "in_progress"
    statuses = await repos.async_list_deployment_statuses(*HERE, number)
    assert [s.state for s in statuses.parsed_data] == ["in_progress"]
    assert github.states() == {"v1.0.0": ["in_progress"]}


async def test_anonymous_client_reads_only_releases(stranger: Client, github: GitHubServer) -> None:
    github.publish("v1.0.0", SHA)
    github.publish("v2.0.0", SHA, draft=True)
    assert [r.tag_name for r in (await stranger.rest.repos.async_list_releases(*HERE)).parsed_data] == ["v1.0.0"]
    assert await refused(stranger.rest.repos.async_list_webhooks(*HERE)) == 404
    assert await refused(stranger.rest.repos.async_create_deployment(*HERE, ref="v1.0.0", **NO_MERGE)) == 404
    assert await refused(stranger.rest.repos.async_get(OWNER, "another")) == 404


async def test_a_wrong_token_is_refused(github: GitHubServer) -> None:
    async with asked_by(github, "wrong") as client:
        assert await refused(client.rest.repos.async_get(*HERE)) == 401


async def test_unchanged_list_is_304_and_uses_no_quota(api: Client, github: GitHubServer) -> None:
    github.publish("v1.0.0", SHA)
    path = f"/repos/{OWNER}/{NAME}/releases"
    first = await api.arequest("GET", path)
    used = github.used()
    again = await api.arequest("GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, github.used()) == (304, used)
    github.publish("v1.1.0", SHA)
    changed = await api.arequest("GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, github.used()) == (200, used + 1)


async def test_page_links_to_the_next_page(api: Client, github: GitHubServer) -> None:
    for number in range(3):
        github.publish(f"v1.{number}.0", SHA)
    first = await api.arequest("GET", f"/repos/{OWNER}/{NAME}/releases", params={"per_page": 2})
    assert 'rel="next"' in first.headers["link"]
    assert [r["tag_name"] for r in first.json()] == ["v1.2.0", "v1.1.0"]
    last = await api.arequest("GET", f"/repos/{OWNER}/{NAME}/releases", params={"per_page": 2, "page": 2})
    assert ("link" in last.headers, [r["tag_name"] for r in last.json()]) == (False, ["v1.0.0"])


async def test_deployment_with_auto_merge_is_refused(api: Client, github: GitHubServer) -> None:
    github.publish("v1.0.0", SHA)
    assert await refused(api.rest.repos.async_create_deployment(*HERE, ref="v1.0.0")) == 422
    assert await refused(api.rest.repos.async_create_deployment(*HERE, ref="v9.9.9", **NO_MERGE)) == 422
    assert github.deployments() == []


async def test_weather_5xx_can_still_deploy(api: Client, github: GitHubServer) -> None:
    github.publish("v1.0.0", SHA)
    create = api.rest.repos.async_create_deployment
    github.weather(status=502, methods=["POST"], times=1)
    assert await refused(create(*HERE, ref="v1.0.0", payload={"tag": "a"}, **NO_MERGE)) == 502
    assert github.deployments() == []
    github.weather(status=502, carried_out=True, times=1)
    assert await refused(create(*HERE, ref="v1.0.0", payload={"tag": "b"}, **NO_MERGE)) == 502
    assert [d["payload"] for d in github.deployments()] == [{"tag": "b"}]
    assert (await api.rest.repos.async_get(*HERE)).status_code == 200, "the failure happens once"


async def test_weather_limits_rate_and_delays_answers(api: Client, github: GitHubServer) -> None:
    github.weather(limited=120)
    with pytest.raises(PrimaryRateLimitExceeded) as error:
        await api.rest.repos.async_get(*HERE)
    assert 100 < error.value.retry_after.total_seconds() <= 120
    github.weather(slow=0.5)
    started = time.monotonic()
    await api.rest.repos.async_get(*HERE)
    assert time.monotonic() - started >= 0.5
    github.weather()
    assert [c["status"] for c in github.calls("GET", NAME)] == [403, 200]
