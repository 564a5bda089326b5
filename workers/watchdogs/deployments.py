"""GitHub's deployments: what became of each release, told where people look, and created exactly once.

What GitHub should know follows from the journal and the history; what it knows is in the outbox. The difference is
told in a task of its own, so that a GitHub which is away or slow delays no rollout, and a worker that is killed
between two calls goes on with the same difference.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from app.domain.deployment import DeploymentOutcome, DeploymentReport, ReportedDeployment, outcomes_to, reports
from app.domain.errors import GitHubRefused, GitHubUnavailable, StaleWorker, UpdaterError
from app.domain.findings import Alarm
from app.domain.state import State
from workers.ports import Ports
from workers.ports.github import GitHubApi, OutboxFile
from workers.watchdogs.backoff import Backoff

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 30.0
"""How long something whose answer was lost may still be on its way: it is not sent again before, nor unlooked for."""

REFUSED_SECONDS = 900.0
FAULT_SECONDS = 60.0
NOT_FOUND = 404
UNPROCESSABLE = 422

T = TypeVar("T")
log = structlog.get_logger()


class Deployments:
    """Looks every LOOK_SECONDS whether there is something to tell."""

    def __init__(self, ports: Ports, github: GitHubApi, outbox: OutboxFile, *, backoff: Backoff | None = None) -> None:
        self._ports = ports
        self._github = github
        self._outbox = outbox
        self._backoff = backoff or Backoff()
        self._seen: State | None = None
        self._refused: str | None = None

    def alarms(self) -> Sequence[Alarm]:
        """That GitHub does not let itself be told."""
        if self._refused is None:
            return []
        text = f"GitHub does not take what became of the releases; rollouts go on. {self._refused}"
        return [Alarm("github_not_told", text)]

    async def run(self) -> None:
        """Until it is cancelled, or another worker has taken over."""
        while True:
            try:
                await self.tell()
                wait = LOOK_SECONDS
            except StaleWorker:
                return
            except GitHubUnavailable as away:
                wait = self._later(away, self._backoff.after(away))
            except GitHubRefused as refused:
                self._refused = str(refused)
                wait = self._later(refused, REFUSED_SECONDS)
            except Exception:
                wait = FAULT_SECONDS
                log.exception("GitHub could not be told; it is tried again")
            await self._ports.clock.sleep(wait)

    async def tell(self) -> None:
        """Tells GitHub all that it does not know. Raises GitHubUnavailable, GitHubRefused, StaleWorker, OSError."""
        state = self._ports.journal.state
        if state is self._seen:
            return
        while open_ := await self._open(state):
            for report in open_:
                await self._tell(report)
        self._backoff.done()
        self._seen, self._refused = state, None

    async def _open(self, state: State) -> list[DeploymentReport]:
        """What is still to be told; what was told may make more: what is replaced is told so."""
        wanted = reports(state, await self._ports.publisher.history(), self._outbox.content)
        await self._outbox.keep(self._outbox.content.forget(wanted))
        return [r for r in wanted if not self._of(r).refused and outcomes_to(r, self._of(r).outcome)]

    def _of(self, report: DeploymentReport) -> ReportedDeployment:
        return self._outbox.content.of(report)

    async def _tell(self, report: DeploymentReport) -> None:
        try:
            await self._create(report)
            for outcome in outcomes_to(report, self._of(report).outcome):
                await self._give(report, outcome)
        except GitHubRefused as refused:
            gone = refused.status == NOT_FOUND and self._of(report).deployment is not None
            if not gone and refused.status != UNPROCESSABLE:
                raise
            log.warning("GitHub does not want to be told of this rollout", tag=report.tag, reason=str(refused))
            await self._keep(replace(self._of(report), refused=True))

    async def _create(self, report: DeploymentReport) -> None:
        """The rollout's deployment: the one that is there already, whoever created it, or a new one."""
        told = self._of(report)
        if told.deployment is not None:
            return
        sha = told.sha or report.sha or await self._github.commit_of(report.tag)
        told = await self._keep(replace(told, sha=sha))
        found = await self._github.find_deployment(sha, report.rollout_id)
        if found is None:
            found = await self._sent(told, lambda: self._github.deploy(report, sha))
        await self._keep(replace(told, deployment=found, tried_at=None))

    async def _give(self, report: DeploymentReport, outcome: DeploymentOutcome) -> None:
        told = self._of(report)
        deployment = told.deployment
        assert deployment is not None  # noqa: S101 - it was created before
        if outcome not in await self._github.outcomes(deployment):
            await self._sent(told, lambda: self._github.report(deployment, outcome, report))
        await self._keep(replace(told, outcome=outcome, tried_at=None))

    async def _sent(self, told: ReportedDeployment, send: Callable[[], Awaitable[T]]) -> T:
        """What `send` answers. It is on disk before that it was tried: a lost answer is waited for, then looked for."""
        now = self._ports.clock.now()
        if told.tried_at is not None and (left := SETTLE_SECONDS - (now - told.tried_at).total_seconds()) > 0:
            raise GitHubUnavailable("what was sent last may still be on its way", wait=left)
        await self._ports.journal.check()
        await self._keep(replace(told, tried_at=now))
        try:
            return await send()
        except GitHubUnavailable as away:
            if not away.sent:
                await self._keep(replace(told, tried_at=None))
            raise
        except GitHubRefused:
            await self._keep(replace(told, tried_at=None))
            raise

    async def _keep(self, told: ReportedDeployment) -> ReportedDeployment:
        await self._outbox.keep(self._outbox.content.keep(told))
        return told

    @staticmethod
    def _later(why: UpdaterError, wait: float) -> float:
        log.warning("GitHub is told later; no rollout waits for it", reason=str(why), seconds=round(wait, 1))
        return wait
