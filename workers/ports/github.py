"""GitHub: published releases, failed deliveries, checks of commits, deployments."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.domain.acceptance.published import Published
from app.domain.deployment import DeploymentOutcome, DeploymentReport, Outbox
from app.domain.required_checks import CommitChecks


@dataclass(frozen=True)
class FailedDelivery:
    """A webhook delivery that failed. `status` is the HTTP status that GitHub got; 0 if it got no answer."""

    id: int
    guid: str
    action: str | None
    status: int
    at: datetime


@dataclass(frozen=True)
class RepositoryIdentity:
    """The repository that GitHub has now under the name that was asked for. `name`: its present one."""

    name: str
    id: int


class GitHubApi(Protocol):
    """Every call has its own time limit, is never retried, and raises GitHubUnavailable or GitHubRefused."""

    async def repository(self) -> RepositoryIdentity:
        """The repository, also if it has no release. An unchanged one costs no quota."""

    def releases(self) -> AsyncIterator[Sequence[Published]]:
        """The published releases, latest first, one page at a time. An unchanged page costs no quota."""

    async def release(self, release_id: int) -> Published | None:
        """The release as it is now, a draft too; None if GitHub does not have it.

        Raises GitHubRefused if this token may not know that.
        """

    async def failed_deliveries(self, since: datetime) -> Sequence[FailedDelivery]:
        """The failed deliveries of release events after `since`; empty without a token."""

    async def commit_of(self, tag: str) -> str:
        """The commit SHA that `tag` names on GitHub."""

    async def checks_of(self, sha: str) -> CommitChecks:
        """The check runs and commit statuses of a commit, the latest of each. GitHub does not count unchanged ones."""

    async def find_deployment(self, sha: str, rollout_id: str) -> int | None:
        """The id of the rollout's deployment, no matter which program created it; None if there is none."""

    async def deploy(self, report: DeploymentReport, sha: str) -> int:
        """Creates the rollout's deployment and returns its id."""

    async def outcomes(self, deployment: int) -> Sequence[str]:
        """Every state that the deployment has had."""

    async def report(self, deployment: int, outcome: DeploymentOutcome, report: DeploymentReport) -> None:
        """Sets the deployment's state, with the report's description only if `outcome` is the report's own."""


class OutboxFile(Protocol):
    """The file that records what was sent to GitHub. A write is on disk when the call returns."""

    @property
    def content(self) -> Outbox: ...

    async def keep(self, content: Outbox) -> None:
        """Replaces the file's content. Raises OSError."""
