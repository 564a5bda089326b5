"""The checks of a commit: check runs, check suites and commit statuses, which are separate lists on GitHub.

https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference
https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
"""

from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import Protocol, TypeVar

from pydantic import Field

from app.domain.errors import GitHubRefused
from app.domain.required_checks import CheckOutcome, CommitCheck, CommitChecks
from app.lazy_adapter import LazyAdapter
from workers.adapters.github_api.answers import Answer

A_PAGE = 100
PAGES = 10
"""GitHub lists the 1000 latest at most."""

COMPLETED = "completed"
GREEN = frozenset({"success", "neutral", "skipped"})
"""The conclusions that let a release go live. Every other one, also an unknown one, is red.

https://docs.github.com/en/rest/guides/using-the-rest-api-to-interact-with-checks#check-conclusions
"""

_STATES = {"success": CheckOutcome.GREEN, "pending": CheckOutcome.PENDING}
T = TypeVar("T")
L = TypeVar("L", bound="_List")


class _Run(Answer):
    name: str
    status: str
    conclusion: str | None = None
    html_url: str | None = None

    def check(self) -> CommitCheck:
        if self.status != COMPLETED:
            return CommitCheck(self.name, CheckOutcome.PENDING, self.status, self.html_url or "")
        outcome = CheckOutcome.GREEN if self.conclusion in GREEN else CheckOutcome.RED
        return CommitCheck(self.name, outcome, self.conclusion or "", self.html_url or "")


class _Suite(Answer):
    status: str | None = None
    latest_check_runs_count: int = 0

    @property
    def unfinished(self) -> bool:
        """One without runs is not counted: GitHub makes one for each installed app, and most apps never use it."""
        return self.status != COMPLETED and self.latest_check_runs_count > 0


class _CommitStatus(Answer):
    context: str
    state: str
    target_url: str | None = None

    def check(self) -> CommitCheck:
        outcome = _STATES.get(self.state, CheckOutcome.RED)
        return CommitCheck(self.context, outcome, self.state, self.target_url or "")


class _List(Answer):
    total_count: int = Field(ge=0)


class _Runs(_List):
    check_runs: list[_Run]


class _Suites(_List):
    check_suites: list[_Suite]


class _Combined(_List):
    """Its own `state` is not used: it is `pending` if there is no status at all."""

    statuses: list[_CommitStatus]


RUNS = LazyAdapter(_Runs)
SUITES = LazyAdapter(_Suites)
COMBINED = LazyAdapter(_Combined)


class Fetch(Protocol):
    """Gets and parses a path below the repository. Raises GitHubUnavailable, GitHubRefused."""

    async def __call__(self, path: str, params: dict[str, str | int], kind: LazyAdapter[T], /) -> T: ...


async def read_checks(fetch: Fetch, sha: str) -> CommitChecks:
    """Every check of the commit. Raises GitHubUnavailable, GitHubRefused."""
    suites = [s async for s in _each(fetch, f"/commits/{sha}/check-suites", {}, SUITES, lambda a: a.check_suites)]
    latest: dict[str, str | int] = {"filter": "latest"}
    runs = [r async for r in _each(fetch, f"/commits/{sha}/check-runs", latest, RUNS, lambda a: a.check_runs)]
    checks = (*(run.check() for run in runs), *await read_statuses(fetch, sha))
    return CommitChecks(checks, unfinished=any(suite.unfinished for suite in suites))


async def read_statuses(fetch: Fetch, sha: str) -> tuple[CommitCheck, ...]:
    """The latest commit status of each context."""
    each = _each(fetch, f"/commits/{sha}/status", {}, COMBINED, lambda answer: answer.statuses)
    return tuple([status.check() async for status in each])


async def _each(
    fetch: Fetch, path: str, params: dict[str, str | int], kind: LazyAdapter[L], entries: Callable[[L], Sequence[T]]
) -> AsyncIterator[T]:
    """Every entry of every page. Raises GitHubRefused if GitHub has more than it lists: one of these may be red."""
    read = 0
    for page in range(1, PAGES + 1):
        answer = await fetch(path, {**params, "per_page": A_PAGE, "page": page}, kind)
        for entry in entries(answer):
            yield entry
        read += len(entries(answer))
        if read >= answer.total_count or not entries(answer):
            break
    if read < answer.total_count:
        raise GitHubRefused(
            f"GET {path}: {answer.total_count} entries, of which only {read} are listed", status=HTTPStatus.OK
        )
