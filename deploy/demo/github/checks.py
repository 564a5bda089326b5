"""The checks of one commit on the demo's GitHub: check runs in check suites, and commit statuses."""

from dataclasses import dataclass, field
from itertools import count

from deploy.demo.clients import Json
from deploy.demo.github.answers import repository_answer
from deploy.demo.github.delivery import MADE_AT, REPOSITORY_ID, now

RUNNING = frozenset({"queued", "in_progress", "waiting", "requested", "pending"})


@dataclass
class Checks:
    """`runs` and `statuses` are oldest first. A check suite is a number. Suite 0 has no runs: its app does nothing."""

    sha: str
    repository: str
    api: str
    runs: list[Json] = field(default_factory=list)
    statuses: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._commit = _Commit(self.sha, self.repository, self.api)

    def add(self, name: str, result: str, *, suite: int = 1, status: bool = False, link: str = "") -> None:
        """Adds a check run, or a commit status if `status`. `result`: a conclusion, a running state, or a state."""
        number = next(self._numbers)
        if status:
            self.statuses.append(self._commit.status(number, name, result, link))
        else:
            self.runs.append(self._commit.run(number, name, result, suite, link))

    def latest_runs(self) -> list[Json]:
        """GitHub keeps the latest run of each name in each suite, newest first."""
        return list({(r["check_suite"]["id"], r["name"]): r for r in self.runs}.values())[::-1]

    def combined(self) -> Json:
        """The combined status, without its list.

        https://docs.github.com/en/rest/commits/statuses#get-the-combined-status-for-a-specific-reference
        """
        url = f"{self.api}/repos/{self.repository}/commits/{self.sha}"
        repository = repository_answer(self.repository, REPOSITORY_ID, self.api)
        return {
            "state": self.state(),
            "sha": self.sha,
            "repository": repository,
            "commit_url": url,
            "url": f"{url}/status",
        }

    def latest_statuses(self) -> list[Json]:
        return list({s["context"]: s for s in self.statuses}.values())[::-1]

    def state(self) -> str:
        """`pending` if there is no status at all, as on GitHub."""
        states = {s["state"] for s in self.latest_statuses()}
        if states & {"failure", "error"}:
            return "failure"
        return "success" if states == {"success"} else "pending"

    def suites(self) -> list[Json]:
        latest = self.latest_runs()
        numbers = dict.fromkeys([0, *(r["check_suite"]["id"] for r in latest)])
        return [
            self._commit.suite(number, [r for r in latest if r["check_suite"]["id"] == number]) for number in numbers
        ]


@dataclass(frozen=True)
class _Commit:
    """The fields that GitHub repeats with each check of a commit."""

    sha: str
    repository: str
    api: str

    @property
    def here(self) -> str:
        return f"{self.api}/repos/{self.repository}"

    def run(self, number: int, name: str, result: str, suite: int, link: str) -> Json:
        """https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference"""
        running, url = result in RUNNING, f"{self.here}/check-runs/{number}"
        return {
            "id": number,
            "node_id": f"CR_{number}",
            "head_sha": self.sha,
            "external_id": "",
            "name": name,
            "status": result if running else "completed",
            "conclusion": None if running else result,
            "started_at": now(),
            "completed_at": None if running else now(),
            "url": url,
            "html_url": link,
            "details_url": link,
            "check_suite": {"id": suite},
            "app": None,
            "pull_requests": [],
            "output": {
                "title": None,
                "summary": None,
                "text": None,
                "annotations_count": 0,
                "annotations_url": f"{url}/annotations",
            },
        }

    def suite(self, number: int, runs: list[Json]) -> Json:
        """https://docs.github.com/en/rest/checks/suites#list-check-suites-for-a-git-reference"""
        done = bool(runs) and all(run["status"] == "completed" for run in runs)
        running = "in_progress" if runs else "queued"
        url, person = f"{self.here}/check-suites/{number}", {"name": "Demo", "email": "demo@example.invalid"}
        return {
            "id": number,
            "node_id": f"CS_{number}",
            "head_branch": "main",
            "head_sha": self.sha,
            "before": None,
            "after": None,
            "status": "completed" if done else running,
            "conclusion": "success" if done else None,
            "created_at": MADE_AT,
            "updated_at": MADE_AT,
            "url": url,
            "check_runs_url": f"{url}/check-runs",
            "latest_check_runs_count": len(runs),
            "app": None,
            "pull_requests": [],
            "repository": repository_answer(self.repository, REPOSITORY_ID, self.api),
            "head_commit": {
                "id": self.sha,
                "tree_id": self.sha,
                "message": "Release",
                "timestamp": MADE_AT,
                "author": person,
                "committer": person,
            },
        }

    def status(self, number: int, context: str, state: str, link: str) -> Json:
        """https://docs.github.com/en/rest/commits/statuses#create-a-commit-status"""
        return {
            "id": number,
            "node_id": f"SC_{number}",
            "avatar_url": None,
            "url": f"{self.here}/statuses/{self.sha}",
            "context": context,
            "state": state,
            "target_url": link or None,
            "description": None,
            "created_at": now(),
            "updated_at": now(),
        }
