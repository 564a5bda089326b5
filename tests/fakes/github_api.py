"""A GitHub in memory: its releases, and the deployments that the worker reported."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.acceptance.policy import ReleaseEvent
from app.domain.acceptance.published import Published
from app.domain.deployment import DeploymentOutcome, DeploymentReport, Outbox
from app.domain.errors import GitHubRefused, GitHubUnavailable
from app.domain.required_checks import CheckOutcome, CommitCheck, CommitChecks
from app.domain.withdrawal import DELETED
from tests.examples import NOW, sha_of
from tests.fakes.clock import FakeClock
from tests.fakes.fuse import Fuse
from workers.ports.github import FailedDelivery, RepositoryIdentity

PAGE = 2
_SHOP = ("octo/shop", 1)
CALL_SECONDS = 0.05
OUTCOMES = {
    **dict.fromkeys(("success", "neutral", "skipped"), CheckOutcome.GREEN),
    **dict.fromkeys(("queued", "in_progress", "pending"), CheckOutcome.PENDING),
    **dict.fromkeys(("failure", "error", "timed_out", "cancelled", "action_required", "stale"), CheckOutcome.RED),
}


def a_published(tag: str, number: int = 0, *, at: datetime = NOW, **change: object) -> Published:
    """A release of octo/shop; its key is `1:<number>`."""
    fields: dict[str, object] = {
        "action": "published",
        "repository": "octo/shop",
        "repository_id": 1,
        "release_id": number or sum(tag.encode()),
        "tag": tag,
        "draft": False,
        "prerelease": False,
        "published_at": at,
    }
    return Published(ReleaseEvent(**fields | change), at)  # type: ignore[arg-type]


@dataclass
class Deployed:
    """A deployment as GitHub shows it; `descriptions` maps each state to its description."""

    sha: str
    rollout_id: str
    tag: str
    states: list[str] = field(default_factory=list)
    descriptions: dict[str, str] = field(default_factory=dict)


class FakeGitHubApi:
    """`away`: every call fails, or `only` the named one; with `carried_out` the failed call takes effect.

    `checks` are those of each commit, `commits` has the tags that moved. `identity`: the repository, if its releases do
    not say it. `refuses`: the status of each answer, or of the `only` one. `wait`: seconds to wait before the next
    request while GitHub is away.
    """

    def __init__(self, clock: FakeClock, fuse: Fuse) -> None:
        self.published: list[Published] = []
        self.identity: RepositoryIdentity | None = None
        self.failed: list[FailedDelivery] = []
        self.deployments: dict[int, Deployed] = {}
        self.away = False
        self.carried_out = False
        self.only: str | None = None
        self.checks: dict[str, CommitChecks] = {}
        self.commits: dict[str, str] = {}
        self.refuses: int | None = None
        self.wait = 0.0
        self.calls: list[tuple[str, datetime]] = []
        self._clock, self._fuse = clock, fuse

    def check(self, sha: str, name: str, result: str) -> None:
        """Gives the commit a check run, or another result to that of the same name. See OUTCOMES."""
        self._add(sha, name, result, unfinished=OUTCOMES[result] is CheckOutcome.PENDING)

    def commit_status(self, sha: str, context: str, state: str) -> None:
        """Gives the commit a commit status, or another state to that of the same context."""
        self._add(sha, context, state, unfinished=self.checks.get(sha, CommitChecks()).unfinished)

    def _add(self, sha: str, name: str, word: str, *, unfinished: bool) -> None:
        others = [c for c in self.checks.get(sha, CommitChecks()).checks if c.name != name]
        check = CommitCheck(name, OUTCOMES[word], word)
        self.checks[sha] = CommitChecks((*others, check), unfinished=unfinished)

    def called(self, name: str) -> int:
        return sum(1 for called, _ in self.calls if called == name)

    def states(self) -> dict[str, list[list[str]]]:
        """The states of each deployment by tag, oldest deployment first."""
        found: dict[str, list[list[str]]] = {}
        for deployment in self.deployments.values():
            found.setdefault(deployment.tag, []).append(deployment.states)
        return found

    def withdraw(self, release_id: int, action: str) -> None:
        """Its author deletes a release, or sets it back to a draft."""
        self.published = [_withdrawn(p) if p.event.release_id == release_id else p for p in self.published]
        if action == DELETED:
            self.published = [p for p in self.published if p.event.release_id != release_id]

    async def repository(self) -> RepositoryIdentity:
        """That of the newest release. It takes no time: each list has it too."""
        self.calls.append(("repository", self._clock.now()))
        self._check("repository")
        found = self.published[0].event if self.published else None
        return self.identity or RepositoryIdentity(*((found.repository, found.repository_id) if found else _SHOP))

    async def releases(self) -> AsyncIterator[Sequence[Published]]:
        for start in range(0, max(1, len(self.published)), PAGE):
            await self._called("releases")
            yield [p for p in self.published[start : start + PAGE] if not p.event.draft]

    async def release(self, release_id: int) -> Published | None:
        await self._called("release")
        return next((p for p in self.published if p.event.release_id == release_id), None)

    async def failed_deliveries(self, since: datetime) -> Sequence[FailedDelivery]:
        await self._called("failed_deliveries")
        return [delivery for delivery in self.failed if delivery.at > since]

    async def commit_of(self, tag: str) -> str:
        await self._called("commit_of")
        return self.commits.get(tag, sha_of(tag))

    async def checks_of(self, sha: str) -> CommitChecks:
        await self._called("checks_of")
        return self.checks.get(sha, CommitChecks())

    async def find_deployment(self, sha: str, rollout_id: str) -> int | None:
        await self._called("find_deployment")
        found = self.deployments.items()
        return next((n for n, d in found if (d.sha, d.rollout_id) == (sha, rollout_id)), None)

    async def deploy(self, report: DeploymentReport, sha: str) -> int:
        number = len(self.deployments) + 1

        def create() -> None:
            self.deployments[number] = Deployed(sha, report.rollout_id, report.tag)

        await self._done("deploy", create)
        return number

    async def outcomes(self, deployment: int) -> Sequence[str]:
        await self._called("outcomes")
        return list(self.deployments[deployment].states)

    async def report(self, deployment: int, outcome: DeploymentOutcome, report: DeploymentReport) -> None:
        def add_state() -> None:
            self.deployments[deployment].states.append(outcome)
            if outcome is report.outcome:
                self.deployments[deployment].descriptions[outcome] = report.description

        await self._done("report", add_state)

    async def _done(self, name: str, effect: Callable[[], None]) -> None:
        self._fuse.burn()
        if self.away and self.carried_out and self.only in {None, name}:
            effect()
        await self._called(name)
        effect()
        self._fuse.burn()

    async def _called(self, name: str) -> None:
        self.calls.append((name, self._clock.now()))
        await self._clock.sleep(CALL_SECONDS)
        self._check(name)

    def _check(self, name: str) -> None:
        if self.refuses is not None and self.only in {None, name}:
            raise GitHubRefused(f"{name}: HTTP {self.refuses}", status=self.refuses)
        if self.away and self.only in {None, name}:
            raise GitHubUnavailable(f"{name}: HTTP 502", wait=self.wait)


def _withdrawn(published: Published) -> Published:
    return replace(published, event=replace(published.event, draft=True))


class FakeOutbox:
    """An outbox that keeps its content after the worker is killed."""

    def __init__(self, fuse: Fuse, since: datetime = NOW) -> None:
        self._content = Outbox(since)
        self._fuse = fuse

    @property
    def content(self) -> Outbox:
        return self._content

    async def keep(self, content: Outbox) -> None:
        if content != self._content:
            self._fuse.burn()
            self._content = content
            self._fuse.burn()
