"""GitHub's lists of check runs, check suites and commit statuses become one list of checks."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest

from app.domain.errors import GitHubRefused
from app.domain.required_checks import CheckOutcome, CommitCheck, CommitChecks
from app.lazy_adapter import LazyAdapter
from tests.examples import sha_of
from workers.adapters.github_api.commit_checks import read_checks, read_statuses

SHA = sha_of("v1.1.0")
LINK = "https://github.com/octo/shop/runs/7"
T = TypeVar("T")
Entry = dict[str, Any]


class Lists:
    """GitHub's answers about one commit, in pages of `size`. `hidden`: how many more it counts than it lists."""

    def __init__(
        self,
        runs: Sequence[Entry] = (),
        suites: Sequence[Entry] = (),
        statuses: Sequence[Entry] = (),
        *,
        hidden: int = 0,
    ) -> None:
        self.size = 100
        self.asked: list[tuple[str, dict[str, str | int]]] = []
        self._hidden = hidden
        self._of = {
            "check-runs": ("check_runs", runs),
            "check-suites": ("check_suites", suites),
            "status": ("statuses", statuses),
        }

    async def __call__(self, path: str, params: dict[str, str | int], kind: LazyAdapter[T], /) -> T:
        assert path.startswith(f"/commits/{SHA}/")
        self.asked.append((path.rpartition("/")[2], params))
        key, entries = self._of[path.rpartition("/")[2]]
        start = self.size * (int(params["page"]) - 1)
        body = {"state": "pending", "total_count": len(entries) + self._hidden, key: entries[start : start + self.size]}
        return kind.built.validate_json(json.dumps(body))


def run(conclusion: str | None, name: str = "build", status: str = "completed") -> Entry:
    return {"id": 7, "name": name, "status": status, "conclusion": conclusion, "html_url": LINK, "app": {"id": 1}}


def suite(status: str, runs: int) -> Entry:
    return {"id": 1, "status": status, "conclusion": None, "latest_check_runs_count": runs}


def status(state: str, context: str = "ci/build", url: str | None = LINK) -> Entry:
    return {"id": 1, "context": context, "state": state, "target_url": url, "description": None}


@pytest.mark.parametrize("conclusion", ["success", "neutral", "skipped"])
async def test_green_conclusions(conclusion: str) -> None:
    found = await read_checks(Lists([run(conclusion)]), SHA)
    assert found == CommitChecks((CommitCheck("build", CheckOutcome.GREEN, conclusion, LINK),))


@pytest.mark.parametrize(
    "conclusion",
    ["failure", "timed_out", "cancelled", "action_required", "startup_failure", "stale", "not_invented_yet", None],
)
async def test_every_other_conclusion_is_red(conclusion: str | None) -> None:
    (check,) = (await read_checks(Lists([run(conclusion)]), SHA)).checks
    assert check.outcome is CheckOutcome.RED


@pytest.mark.parametrize("state", ["queued", "in_progress", "waiting", "requested", "pending"])
async def test_run_that_has_not_completed_is_pending(state: str) -> None:
    (check,) = (await read_checks(Lists([run(None, status=state)]), SHA)).checks
    assert check.outcome is CheckOutcome.PENDING


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("success", CheckOutcome.GREEN),
        ("pending", CheckOutcome.PENDING),
        ("failure", CheckOutcome.RED),
        ("error", CheckOutcome.RED),
    ],
)
async def test_commit_status_counts_as_a_check(state: str, outcome: CheckOutcome) -> None:
    found = await read_checks(Lists(statuses=[status(state)]), SHA)
    assert found.checks == (CommitCheck("ci/build", outcome, state, LINK),)
    assert await read_statuses(Lists(statuses=[status(state, url=None)]), SHA) == (
        CommitCheck("ci/build", outcome, state),
    )


async def test_pending_state_without_statuses_is_no_check() -> None:
    assert await read_checks(Lists(), SHA) == CommitChecks()


@pytest.mark.parametrize(
    ("state", "runs", "unfinished"),
    [("in_progress", 1, True), ("queued", 3, True), ("completed", 2, False), ("queued", 0, False)],
)
async def test_suite_with_runs_is_awaited(state: str, runs: int, unfinished: bool) -> None:
    assert (await read_checks(Lists(suites=[suite(state, runs)]), SHA)).unfinished is unfinished


async def test_every_page_is_read() -> None:
    lists = Lists([run("success", f"job {n}") for n in range(101)] + [run("failure", "last")])
    found = await read_checks(lists, SHA)
    assert (len(found.checks), found.checks[-1].outcome) == (102, CheckOutcome.RED)
    asked = [params for what, params in lists.asked if what == "check-runs"]
    assert asked == [{"filter": "latest", "per_page": 100, "page": page} for page in (1, 2)]


async def test_list_that_is_cut_is_refused() -> None:
    with pytest.raises(GitHubRefused, match="1001 entries, of which only 0 are listed"):
        await read_checks(Lists(hidden=1001), SHA)
