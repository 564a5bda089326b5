"""Reports the outcome of each release as a GitHub deployment, created exactly once.

The journal and the history determine what GitHub should know; the outbox records what was reported. A separate task
reports the difference, so that an unavailable or slow GitHub delays no rollout. A worker that is killed between two
calls continues with the same difference.
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
"""How long a request without an answer may still take effect. Then the worker looks for its result before a retry."""

REFUSED_SECONDS = 900.0
FAULT_SECONDS = 60.0
NOT_FOUND = 404
UNPROCESSABLE = 422

T = TypeVar("T")
log = structlog.get_logger()


class Deployments:
    """Checks every LOOK_SECONDS whether there is something to report."""

    def __init__(self, ports: Ports, github: GitHubApi, outbox: OutboxFile, *, backoff: Backoff | None = None) -> None:
        self._ports = ports
        self._github = github
        self._outbox = outbox
        self._backoff = backoff or Backoff()
        self._seen: State | None = None
        self._refused: str | None = None

    def alarms(self) -> Sequence[Alarm]:
        """The alarm that GitHub rejects deployment updates."""
        if self._refused is None:
            return []
        text = f"GitHub rejects deployment updates. Rollouts continue. {self._refused}"
        return [Alarm("github_not_told", text)]

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        while True:
            try:
                await self.report()
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
                log.exception("could not report to GitHub; retrying")
            await self._ports.clock.sleep(wait)

    async def report(self) -> None:
        """Reports everything that is due. Raises GitHubUnavailable, GitHubRefused, StaleWorker, OSError."""
        state = self._ports.journal.state
        if state is self._seen:
            return
        while open_ := await self._open(state):
            for report in open_:
                await self._send_report(report)
        self._backoff.done()
        self._seen, self._refused = state, None

    async def _open(self, state: State) -> list[DeploymentReport]:
        """Returns the reports that are due. Sending one may add another, for the deployment that it replaces."""
        wanted = reports(state, await self._ports.publisher.history(), self._outbox.content)
        await self._outbox.keep(self._outbox.content.forget(wanted))
        return [r for r in wanted if not self._of(r).refused and outcomes_to(r, self._of(r).outcome)]

    def _of(self, report: DeploymentReport) -> ReportedDeployment:
        return self._outbox.content.of(report)

    async def _send_report(self, report: DeploymentReport) -> None:
        try:
            await self._create(report)
            for outcome in outcomes_to(report, self._of(report).outcome):
                await self._send_outcome(report, outcome)
        except GitHubRefused as refused:
            gone = refused.status == NOT_FOUND and self._of(report).deployment is not None
            if not gone and refused.status != UNPROCESSABLE:
                raise
            log.warning("GitHub rejects the deployment of this rollout", tag=report.tag, reason=str(refused))
            await self._keep(replace(self._of(report), refused=True))

    async def _create(self, report: DeploymentReport) -> None:
        """Finds the rollout's deployment, or creates it."""
        reported = self._of(report)
        if reported.deployment is not None:
            return
        sha = reported.sha or report.sha or await self._github.commit_of(report.tag)
        reported = await self._keep(replace(reported, sha=sha))
        found = await self._github.find_deployment(sha, report.rollout_id)
        if found is None:
            found = await self._sent(reported, lambda: self._github.deploy(report, sha))
        await self._keep(replace(reported, deployment=found, tried_at=None))

    async def _send_outcome(self, report: DeploymentReport, outcome: DeploymentOutcome) -> None:
        reported = self._of(report)
        deployment = reported.deployment
        assert deployment is not None  # noqa: S101 - it was created before
        if outcome not in await self._github.outcomes(deployment):
            await self._sent(reported, lambda: self._github.report(deployment, outcome, report))
        await self._keep(replace(reported, outcome=outcome, tried_at=None))

    async def _sent(self, reported: ReportedDeployment, send: Callable[[], Awaitable[T]]) -> T:
        """Records the attempt on disk, then calls `send`. If the answer is lost, a retry waits for SETTLE_SECONDS."""
        now = self._ports.clock.now()
        if reported.tried_at is not None and (left := SETTLE_SECONDS - (now - reported.tried_at).total_seconds()) > 0:
            raise GitHubUnavailable("the last request may still take effect", wait=left)
        await self._ports.journal.check()
        await self._keep(replace(reported, tried_at=now))
        try:
            return await send()
        except GitHubUnavailable as away:
            if not away.sent:
                await self._keep(replace(reported, tried_at=None))
            raise
        except GitHubRefused:
            await self._keep(replace(reported, tried_at=None))
            raise

    async def _keep(self, reported: ReportedDeployment) -> ReportedDeployment:
        await self._outbox.keep(self._outbox.content.keep(reported))
        return reported

    @staticmethod
    def _later(why: UpdaterError, wait: float) -> float:
        log.warning("could not report to GitHub; retrying later", reason=str(why), seconds=round(wait, 1))
        return wait
