"""GitHub's API, through githubkit. https://docs.github.com/en/rest

githubkit retries by default: it repeats a POST after a 5xx, and waits out a rate limit of any length. Both are
switched off: the caller waits, with a limit, and checks what exists before it creates. githubkit's typed models are
not used: they cost 15 MiB and reject responses of older GitHub Enterprise servers. This module parses the few fields
that the updater needs.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from githubkit import GitHub as Client
from githubkit import Response
from githubkit.exception import GitHubException, RateLimitExceeded, RequestError, RequestFailed
from pydantic import TypeAdapter, ValidationError

from app.domain.deployment import DeploymentOutcome, DeploymentReport
from app.domain.errors import GitHubRefused, GitHubUnavailable
from app.domain.published import Published
from app.domain.stack import GitHub
from workers.adapters.github_api import answers
from workers.ports.github import FailedDelivery

CALL_SECONDS = 15.0
RELEASES_A_PAGE = 50
PAGES = 10
"""How many pages of releases to read at most, if the latest releases do not belong to this stack."""

LOOKED_AT = 100
"""How many deployments of a commit, states of a deployment and failed deliveries to read: GitHub's maximum."""

WEBHOOK_PATH = "/webhooks/github"
API_VERSION = "2022-11-28"
SERVER_ERROR = 500
NOT_MODIFIED = 304
MOVED = frozenset({301, 302, 307, 308})
"""GitHub's redirects, for example of a renamed repository. The request is repeated at the new address as it is.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
"""

MOVES = 3
"""How many redirects in a row to follow at most."""

T = TypeVar("T")
Params = Mapping[str, str | int]


class GithubkitApi:
    """One repository on the GitHub at `api_url`. Without a `token`, only its public releases."""

    def __init__(self, repository: str, settings: GitHub, *, api_url: str, token: str | None) -> None:
        self._here = f"/repos/{quote(repository, safe='/')}"
        self._settings = settings
        self._may_read_hooks = token is not None
        self._remembered: dict[str, tuple[str, Any]] = {}
        self._client: Client[Any] = Client(
            token,
            base_url=api_url,
            timeout=CALL_SECONDS,
            auto_retry=False,
            http_cache=False,
            follow_redirects=False,  # httpx would follow to any server, and believe its answer
            user_agent="zetherion-updater",
        )

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Keeps connections open during the `with` block."""
        return self._client

    async def releases(self) -> AsyncIterator[Sequence[Published]]:
        repository = await self._unchanged_or_new("", {}, answers.REPOSITORY)
        for number in range(1, PAGES + 1):
            params = {"per_page": RELEASES_A_PAGE, "page": number}
            page = await self._unchanged_or_new("/releases", params, answers.RELEASES)
            yield [release.published(repository) for release in page if release.published_at]
            if len(page) < RELEASES_A_PAGE:
                return

    async def failed_deliveries(self, since: datetime) -> Sequence[FailedDelivery]:
        if not self._may_read_hooks:
            return []
        try:
            hooks = await self._get("/hooks", {}, answers.HOOKS)
        except GitHubRefused:  # the token lacks the permission; that does not change while this process lives
            self._may_read_hooks = False
            return []
        ours = [hook for hook in hooks if hook.config.url.endswith(WEBHOOK_PATH)]
        params: Params = {"per_page": LOOKED_AT, "status": "failure"}
        pages = [await self._get(f"/hooks/{hook.id}/deliveries", params, answers.DELIVERIES) for hook in ours]
        return [d.failed() for page in pages for d in page if d.event == "release" and d.delivered_at > since]

    async def commit_of(self, tag: str) -> str:
        commit = await self._get(f"/commits/tags/{quote(tag, safe='')}", {}, answers.COMMIT)
        return commit.sha

    async def find_deployment(self, sha: str, rollout_id: str) -> int | None:
        params: Params = {"sha": sha, "environment": self._settings.environment, "per_page": LOOKED_AT}
        found = await self._get("/deployments", params, answers.DEPLOYMENTS)
        return next((d.id for d in found if d.rollout_id == rollout_id), None)

    async def deploy(self, report: DeploymentReport, sha: str) -> int:
        body = {
            "ref": sha,
            "task": "deploy",
            "auto_merge": False,
            "required_contexts": [],
            "environment": self._settings.environment,
            "description": f"zetherion-updater: {report.tag}",
            "payload": {"rollout_id": report.rollout_id, "tag": report.tag},
        }
        created = self._parsed(await self._call("POST", "/deployments", json=body), answers.DEPLOYMENT)
        return created.id

    async def outcomes(self, deployment: int) -> Sequence[str]:
        path = f"/deployments/{deployment}/statuses"
        return [s.state for s in await self._get(path, {"per_page": LOOKED_AT}, answers.STATUSES)]

    async def report(self, deployment: int, outcome: DeploymentOutcome, report: DeploymentReport) -> None:
        own = outcome is report.outcome
        body = {
            "state": outcome,
            "description": report.description if own else "",
            "auto_inactive": False,  # GitHub skips production environments, so the updater reports `inactive` itself
            "environment_url": self._settings.environment_url or "",
            "log_url": (self._settings.log_url or "").replace("{rollout_id}", report.rollout_id),
        }
        await self._call("POST", f"/deployments/{deployment}/statuses", json=body)

    async def _unchanged_or_new(self, path: str, params: Params, kind: TypeAdapter[T]) -> T:
        """Makes a conditional request, which returns the remembered value if nothing changed.

        https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests
        """
        name = f"{path}?{params.get('page', '')}"
        etag, known = self._remembered.get(name, ("", None))
        headers = {"If-None-Match": etag} if etag else {}
        response = await self._call("GET", path, params=dict(params), headers=headers)
        if response.status_code == NOT_MODIFIED and known is not None:
            return known  # type: ignore[no-any-return]
        found = self._parsed(response, kind)
        self._remembered[name] = (response.headers.get("etag", ""), found)
        return found

    async def _get(self, path: str, params: Params, kind: TypeAdapter[T]) -> T:
        return self._parsed(await self._call("GET", path, params=dict(params)), kind)

    async def _call(self, method: str, path: str, **more: Any) -> Response[Any]:
        headers = {"X-GitHub-Api-Version": API_VERSION, **more.pop("headers", {})}
        what = f"{method} {self._here}{path}"
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._followed(what, method, f"{self._here}{path}", headers=headers, **more)
        except TimeoutError as late:
            raise GitHubUnavailable(f"{what}: no answer within {CALL_SECONDS:.0f} s") from late
        except RateLimitExceeded as limit:
            wait = limit.retry_after.total_seconds()
            raise GitHubUnavailable(f"{what}: the rate limit is used up", wait=wait, sent=False) from limit
        except RequestFailed as failed:
            raise _failed(what, failed.response) from failed
        except RequestError as error:
            detail = f"{what}: no answer ({type(error.exc).__name__})"
            raise GitHubUnavailable(detail, sent=not isinstance(error.exc, httpx.ConnectError)) from error
        except GitHubException as error:
            raise GitHubUnavailable(f"{what}: {type(error).__name__}") from error

    async def _followed(self, what: str, method: str, url: str, **more: Any) -> Response[Any]:
        """Makes the request, and follows redirects on the same server only: another one is not GitHub."""
        response = await self._client.arequest(method, url, **more)
        first, moves = response.url, 0
        more.pop("params", None)  # a new address has its own
        while response.is_redirect and response.status_code != NOT_MODIFIED:
            new = _new_address(what, response, first)
            if (moves := moves + 1) > MOVES:
                raise GitHubRefused(f"{what}: more than {MOVES} redirects", status=response.status_code)
            response = await self._client.arequest(method, str(new), **more)
        return response

    def _parsed(self, response: Response[Any], kind: TypeAdapter[T]) -> T:
        try:
            return kind.validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = "/".join(map(str, first["loc"]))
            raise GitHubUnavailable(f"unexpected response: {where}: {first['msg']}") from error


def _new_address(what: str, response: Response[Any], first: httpx.URL) -> httpx.URL:
    """Where GitHub redirects to. Raises GitHubRefused unless that is on the server that was asked first."""
    status, location = response.status_code, response.headers.get("Location")
    if status not in MOVED or location is None:
        raise GitHubRefused(f"{what}: HTTP {status}, a redirect without an address", status=status)
    try:
        new = response.url.join(location)
    except (ValueError, httpx.InvalidURL) as error:
        raise GitHubRefused(f"{what}: HTTP {status}, a redirect to an invalid address", status=status) from error
    if _origin(new) != _origin(first):
        raise GitHubRefused(
            f"{what}: HTTP {status}, a redirect to another server ({new.scheme}://{new.host}), which gets no token and "
            "whose answer is not used. If GitHub has moved there, set GITHUB_API_URL to it.",
            status=status,
        )
    return new


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _failed(what: str, response: Response[Any]) -> GitHubUnavailable | GitHubRefused:
    status = response.status_code
    if status >= SERVER_ERROR:
        return GitHubUnavailable(f"{what}: HTTP {status}")
    try:
        message = str(response.json().get("message", ""))[:200]
    except (ValueError, AttributeError):
        message = ""
    return GitHubRefused(f"{what}: HTTP {status} {message}".rstrip(), status=status)
