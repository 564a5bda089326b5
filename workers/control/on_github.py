"""Asks GitHub for a release as it is now, and records that its author withdrew it."""

from collections.abc import Callable

import structlog

from app.domain.acceptance import withdrawn
from app.domain.acceptance.published import Published
from app.domain.errors import GitHubUnavailable, LedgerUnavailable, RepositoryReplaced
from app.domain.release import LiveRelease, Release
from app.domain.stack import Stack
from app.domain.state import State
from app.domain.withdrawal import Withdrawal
from workers.control.known_repository import seen
from workers.ports import Ports
from workers.ports.github import GitHubApi

ANSWER_SECONDS = 15.0
"""How long to wait for GitHub: an operator's rollback may be waiting."""

log = structlog.get_logger()


class OnGitHub:
    """The releases as GitHub has them now. `github`: None if there is none to ask."""

    def __init__(self, stack: Stack, ports: Ports, github: GitHubApi | None) -> None:
        self._stack = stack
        self._ports = ports
        self._github = github

    async def ask(self, release: Release | LiveRelease) -> Published | Withdrawal | None:
        """The release, or its withdrawal, which is recorded then. None if GitHub never announced it.

        Raises GitHubUnavailable, GitHubRefused, and RepositoryReplaced if another repository has the name: that it
        lacks the release means nothing.
        """
        if self._github is None or (number := release.release_id) is None:
            return None
        try:
            async with self._ports.clock.limit(ANSWER_SECONDS):
                found = await self._github.release(number)
                if found is None:
                    await self._refuse_other_repository(release, self._github)
        except TimeoutError as late:
            raise GitHubUnavailable(f"GitHub did not answer within {ANSWER_SECONDS:.0f} s") from late
        if found is not None and not found.event.draft:
            return found
        now = self._ports.clock.now()
        what = "GitHub does not have its release any more" if found is None else "its release is a draft again"
        until = release.published_at or now  # one that is gone may be a draft, which this token may not see
        return await self.withdraw(Withdrawal(release.key, release.tag, now, what, until))

    async def _refuse_other_repository(self, release: Release | LiveRelease, github: GitHubApi) -> None:
        here = await github.repository()
        await self._update(lambda s: seen(s, self._stack, here))
        if release.repository_id not in {None, here.id}:
            raise RepositoryReplaced(
                f"the id of {here.name} is {here.id}, and that of the release's repository is {release.repository_id}"
            )

    async def withdraw(self, withdrawal: Withdrawal) -> Withdrawal:
        """Records it as its webhook would: in the ledger too, so that a late delivery does not bring it back."""
        await self._update(lambda s: withdrawn.withdraw(s, withdrawal))
        try:
            await self._ports.inbox.withdraw(withdrawal)
        except LedgerUnavailable as away:
            log.warning("a withdrawal is recorded in the journal only", tag=withdrawal.tag, reason=str(away))
        return withdrawal

    async def _update(self, change: Callable[[State], State]) -> None:
        self._ports.publisher.status(await self._ports.journal.update(change))
