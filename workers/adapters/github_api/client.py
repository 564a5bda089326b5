"""GitHub's API. https://docs.github.com/en/rest

githubkit's typed models are not used: they cost 15 MiB and reject responses of older GitHub Enterprise servers. This
module parses the few fields that the updater needs.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from app.config.forge import is_gitea
from app.domain.acceptance.published import Published
from app.domain.deployment import DeploymentOutcome, DeploymentReport
from app.domain.errors import GitHubRefused, GitHubUnavailable
from app.domain.required_checks import CommitChecks
from app.domain.stack import GitHub
from app.lazy_adapter import LazyAdapter
from workers.adapters.github_api import answers
from workers.adapters.github_api.commit_checks import read_checks
from workers.adapters.github_api.gitea_checks import GiteaChecks
from workers.ports.github import FailedDelivery, RepositoryIdentity

if TYPE_CHECKING:
    from workers.adapters.github_api.calls import GitHubCalls

RELEASES_A_PAGE = 50
"""`per_page` for GitHub, `limit` for Gitea, whose server may have a lower cap: so the answer says whether more follows.
https://docs.gitea.com/development/api-usage#pagination
"""

_NEXT = 'rel="next"'
PAGES = 10
"""How many pages of releases to read at most, if the latest releases do not belong to this stack."""

LOOKED_AT = 100
"""How many deployments of a commit, states of a deployment and failed deliveries to read: GitHub's maximum."""

REMEMBERED = 200
"""How many answers to remember at most: those of commits that were asked about long ago are not needed."""

WEBHOOK_PATH = "/webhooks/github"
NOT_MODIFIED = 304
NOT_FOUND = 404

T = TypeVar("T")
Params = Mapping[str, str | int]


class GithubkitApi:
    """One repository on the GitHub at `api_url`. Without a `token`, only its public releases.

    `name`: its present one, asked for at each call, because it can be renamed.
    """

    def __init__(self, name: Callable[[], str], settings: GitHub, *, api_url: str, token: str | None) -> None:
        self._settings = settings
        self._gitea = GiteaChecks(self._get, api_url) if is_gitea(api_url) else None
        self._may_read_hooks = token is not None and self._gitea is None  # a Gitea lists no deliveries
        self._remembered: dict[str, tuple[str, Any, bool]] = {}
        self._name = name
        self._api_url = api_url
        self._token = token

    @cached_property
    def _calls(self) -> "GitHubCalls":
        # githubkit takes a tenth of a second to import, and the worker is up before its first request.
        from workers.adapters.github_api.calls import GitHubCalls  # noqa: PLC0415

        return GitHubCalls(self._here, api_url=self._api_url, token=self._token)

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Keeps connections open during the `with` block."""
        return self._calls.open()

    def _here(self) -> str:
        return f"/repos/{quote(self._name(), safe='/')}"

    async def repository(self) -> RepositoryIdentity:
        found = await self._unchanged("", {}, answers.REPOSITORY)
        return RepositoryIdentity(found.full_name, found.id)

    async def releases(self) -> AsyncIterator[Sequence[Published]]:
        repository = await self._unchanged("", {}, answers.REPOSITORY)
        for number in range(1, PAGES + 1):
            params = {"per_page": RELEASES_A_PAGE, "limit": RELEASES_A_PAGE, "page": number}
            page, more = await self._unchanged_or_new("/releases", params, answers.RELEASES)
            yield [release.published(repository) for release in page if release.published_at]
            if not more:
                return

    async def release(self, release_id: int) -> Published | None:
        try:
            found = await self._get(f"/releases/{release_id}", {}, answers.RELEASE)
        except GitHubRefused as refused:
            if refused.status != NOT_FOUND:
                raise
            # The answer is the same if this token may not read the repository: then these calls are refused too.
            await self._get("/releases", {"per_page": 1}, answers.RELEASES)
            return None
        return found.published(await self._unchanged("", {}, answers.REPOSITORY))

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
        if self._gitea:
            return await self._gitea.commit_of(tag)
        commit = await self._get(f"/commits/tags/{quote(tag, safe='')}", {}, answers.COMMIT)
        return commit.sha

    async def checks_of(self, sha: str) -> CommitChecks:
        return await (self._gitea.checks_of(sha) if self._gitea else read_checks(self._unchanged, sha))

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
        created = await self._calls.call("POST", "/deployments", json=body)
        return self._parsed(created.content, answers.DEPLOYMENT).id

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
        await self._calls.call("POST", f"/deployments/{deployment}/statuses", json=body)

    async def _unchanged(self, path: str, params: Params, kind: LazyAdapter[T]) -> T:
        found, _ = await self._unchanged_or_new(path, params, kind)
        return found

    async def _unchanged_or_new(self, path: str, params: Params, kind: LazyAdapter[T]) -> tuple[T, bool]:
        """Makes a conditional request, which returns the remembered value if nothing changed, and whether more follows.

        https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests
        """
        name = f"{self._here()}{path}?{params.get('page', '')}"
        etag, known, more = self._remembered.get(name, ("", None, False))
        headers = {"If-None-Match": etag} if etag else {}
        response = await self._calls.call("GET", path, params=dict(params), headers=headers)
        if response.status_code == NOT_MODIFIED and known is not None:
            return known, more
        found, more = self._parsed(response.content, kind), _NEXT in response.headers.get("link", "")
        self._remembered.pop(name, None)
        self._remembered[name] = (response.headers.get("etag", ""), found, more)
        if len(self._remembered) > REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        return found, more

    async def _get(self, path: str, params: Params, kind: LazyAdapter[T]) -> T:
        response = await self._calls.call("GET", path, params=dict(params))
        return self._parsed(response.content, kind)

    def _parsed(self, content: bytes, kind: LazyAdapter[T]) -> T:
        try:
            return kind.built.validate_json(content or b"null")
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = "/".join(map(str, first["loc"]))
            hint = (
                "" if where else ". Is GITHUB_API_URL the API's address? That of a Gitea or a Forgejo ends with /api/v1"
            )
            raise GitHubUnavailable(f"unexpected response: {where or 'body'}: {first['msg']}{hint}") from error
