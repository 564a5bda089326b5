"""GitHub: published releases, failed deliveries, deployments."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.deployment import DeploymentOutcome, DeploymentReport, Outbox
from app.domain.published import Published


@dataclass(frozen=True)
class FailedDelivery:
    """A webhook that GitHub sent and that was not taken: `status` is the answer it got, 0 where there was none."""

    id: int
    guid: str
    action: str | None
    status: int
    at: datetime


class GitHubApi(Protocol):
    """Every call has a limit of its own, is never tried twice, and raises GitHubUnavailable or GitHubRefused."""

    def releases(self) -> AsyncIterator[Sequence[Published]]:
        """The published releases, the latest first, a page at a time. What did not change costs nothing."""

    async def failed_deliveries(self, since: datetime) -> Sequence[FailedDelivery]:
        """Those of release events after `since`; none where there is no token."""

    async def commit_of(self, tag: str) -> str:
        """The commit SHA that `tag` names there."""

    async def find_deployment(self, sha: str, rollout_id: str) -> int | None:
        """The deployment of that rollout, whoever created it."""

    async def deploy(self, report: DeploymentReport, sha: str) -> int:
        """Creates the rollout's deployment; its id."""

    async def outcomes(self, deployment: int) -> Sequence[str]:
        """Every state that the deployment was given."""

    async def report(self, deployment: int, outcome: DeploymentOutcome, report: DeploymentReport) -> None:
        """Gives the deployment a state; the report's description goes with its own."""


class OutboxFile(Protocol):
    """What GitHub was told. A write is on disk when the call returns."""

    @property
    def content(self) -> Outbox: ...

    async def keep(self, content: Outbox) -> None:
        """Replaces it. Raises OSError."""
