"""The checks of a commit on a Gitea or a Forgejo: its commit statuses. Their Actions and Woodpecker report as such.

Written from `routers/api/v1/repo/status.go`, `services/convert/status.go` and `models/git/commit_status.go` of
https://github.com/go-gitea/gitea, and of Forgejo, which has the same.

There are no check runs, no check suites and no ETag. The combined status is read, because it has the latest status of
each check: two workflows with one name are two checks with one context, and in the list of all statuses they would
be one.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator

from app.domain.errors import GitHubRefused
from app.domain.required_checks import CheckOutcome, CommitCheck, CommitChecks
from app.lazy_adapter import LazyAdapter
from workers.adapters.github_api.answers import Answer, Commit
from workers.adapters.github_api.commit_checks import Fetch

A_PAGE = 50
"""Their maximum, unless the server has another `MAX_RESPONSE_ITEMS`. So only a page without entries is the end."""

PAGES = 20
GRANT = (
    "For a private repository, the worker's GITHUB_TOKEN has to be an access token with `read:repository`, of a user "
    "who may read its code. Check also that the server has this tag."
)

_STATES = {
    "success": CheckOutcome.GREEN,
    "skipped": CheckOutcome.GREEN,
    "pending": CheckOutcome.PENDING,
}
"""Every other state is red: `failure`, `error`, and `warning`, which keeps a branch unmerged in most versions."""


class _Tag(Answer):
    commit: Commit


class _CommitStatus(Answer):
    """`id`: unique for this commit. `status`: GitHub's `state`. `target_url`: without the host if it is an own job."""

    id: int
    context: str
    status: str
    target_url: str | None = None

    def check(self, origin: str) -> CommitCheck:
        link = self.target_url or ""
        link = f"{origin}{link}" if link.startswith("/") else link
        return CommitCheck(self.context, _STATES.get(self.status, CheckOutcome.RED), self.status, link)


class _Combined(Answer):
    """`total_count`: of this page. `statuses`: null if there are none."""

    total_count: int = Field(default=0, ge=0)
    statuses: list[_CommitStatus] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_a_body(cls, body: object) -> object:
        """Older versions answer so if there is no status."""
        return {} if body is None else body


TAG = LazyAdapter(_Tag)
COMBINED = LazyAdapter(_Combined)


class GiteaChecks:
    """Raises GitHubUnavailable, and GitHubRefused with the advice that fits these servers."""

    def __init__(self, fetch: Fetch, api_url: str) -> None:
        self._fetch = fetch
        parts = urlsplit(api_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"

    async def commit_of(self, tag: str) -> str:
        with _advice():
            return (await self._fetch(f"/tags/{quote(tag)}", {}, TAG)).commit.sha

    async def checks_of(self, sha: str) -> CommitChecks:
        """Never `unfinished`: a workflow that runs shows only in the statuses that it has set."""
        with _advice():
            return CommitChecks(tuple([status.check(self._origin) async for status in self._statuses(sha)]))

    async def _statuses(self, sha: str) -> AsyncIterator[_CommitStatus]:
        """Each of every page. Raises GitHubRefused if there may be more than it lists: one of these may be red."""
        path = f"/commits/{sha}/status"
        seen: set[int] = set()
        counted = 0
        for page in range(1, PAGES + 1):
            answer = await self._fetch(path, {"limit": A_PAGE, "page": page}, COMBINED)
            counted = max(counted, answer.total_count)
            new = [status for status in answer.statuses or [] if status.id not in seen]
            if not new:
                break
            seen.update(status.id for status in new)
            for status in new:
                yield status
        else:
            raise GitHubRefused(f"GET {path}: more than {PAGES} pages of commit statuses", status=HTTPStatus.OK)
        if len(seen) < counted:
            raise GitHubRefused(
                f"GET {path}: {counted} commit statuses, of which only {len(seen)} are listed. Update the server",
                status=HTTPStatus.OK,
            )


@contextmanager
def _advice() -> Iterator[None]:
    try:
        yield
    except GitHubRefused as refused:
        raise GitHubRefused(str(refused), status=refused.status, advice=GRANT) from refused
