"""Asks GitHub and Git once more before a release that waited begins.

Is the release still there, and does its tag still point to the commit that it had when it began to wait? What does not
answer changes nothing.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from app.domain.acceptance import withdrawn
from app.domain.acceptance.decision import Decision
from app.domain.acceptance.policy import Cause, refusal_of
from app.domain.acceptance.published import Published
from app.domain.acceptance.repository import identified
from app.domain.errors import (
    GitHubRefused,
    GitHubUnavailable,
    LedgerUnavailable,
    TagNotFound,
    UpdaterError,
    Withdrawn,
)
from app.domain.release import Release
from app.domain.stack import Stack
from app.domain.state import State
from app.domain.withdrawal import Withdrawal
from workers.control import dropped
from workers.control.known_repository import seen
from workers.ports import Ports
from workers.ports.github import GitHubApi

WAITED = timedelta(seconds=60)
"""A release that was accepted less long ago and was not held is as good as new: its webhook says what it is."""

ANSWER_SECONDS = 15.0
"""How long to wait for GitHub, and for the repository: an operator's rollback may be waiting."""

_NEVER = "so it never goes live. To roll it out all the same, run `updater deploy {tag}`"

log = structlog.get_logger()


class LastCheck:
    """`github`: None if there is none to ask."""

    def __init__(self, stack: Stack, ports: Ports, github: GitHubApi | None, *, approval: bool) -> None:
        self._stack = stack
        self._ports = ports
        self._github = github
        self._approval = approval
        self._said: set[tuple[str, str]] = set()

    async def ask(self, decision: Callable[[], Decision], take_in: Callable[[], Awaitable[None]]) -> None:
        """Checks each release once that would begin now. If none would, records the commits of the held ones.

        `decision`: what would begin now, and what waits. `take_in` is called again after each answer.
        """
        await take_in()
        asked: set[str] = set()
        while (go := decision().go) is None or go.key not in asked:
            if go is not None:
                asked.add(go.key)
                await self.check(go)
                await take_in()
                continue
            await self.record_commits(decision())
            if decision().go is None:
                return

    async def record_commits(self, decision: Decision) -> None:
        """Records the commit of each held release: an approval is for that commit.

        Ends at the first one that cannot be known now: an operator's rollback may be waiting.
        """
        for release in (held.release for held in decision.held):
            if not (release.from_github and release.commit is None):
                continue
            if (commit := await self._commit_of(release)) is None:
                return
            await self._update(lambda s, r=release, c=commit: withdrawn.committed(s, r.key, c))  # type: ignore[misc]

    async def check(self, release: Release) -> None:
        """Dismisses the release if it was withdrawn, and holds it again if its tag moved after its approval."""
        held = release.commit is not None or release.checks is not None
        waited = held or self._ports.clock.now() - release.accepted_at >= WAITED
        if not (release.from_github and waited):
            return
        if await self._was_withdrawn(release):
            return
        commit = await self._commit_of(release)
        if commit is None or commit == release.commit:
            return
        if release.commit is None:
            await self._update(lambda s: withdrawn.committed(s, release.key, commit))
            return
        facts = {"tag": release.tag, "rollout_id": release.rollout_id, "before": release.commit, "commit": commit}
        log.warning("the tag moved while its release waited", **facts, needs_approval=self._approval)
        self._ports.publisher.event("release.moved", **facts)
        await self._update(lambda s: withdrawn.moved(s, release.key, commit))

    async def _was_withdrawn(self, release: Release) -> bool:
        if self._github is None:
            return False
        if (number := release.release_id) is None:
            return False
        try:
            async with self._ports.clock.limit(ANSWER_SECONDS):
                found = await self._github.release(number)
                other = None if found else await self._other_repository(release, self._github)
        except (GitHubUnavailable, GitHubRefused, TimeoutError) as away:
            self._unchecked(release, str(away) or f"GitHub did not answer within {ANSWER_SECONDS:.0f} s")
            return False
        if other:
            self._unchecked(release, other)
            return False
        if found is None or found.event.draft:
            what = "GitHub does not have its release any more" if found is None else "its release is a draft again"
            until = None if found is None else release.published_at or self._ports.clock.now()
            await self._withdraw(Withdrawal(release.key, release.tag, self._ports.clock.now(), what, until))
            return True
        if changed := self._changed(release, found):
            why = Withdrawn(f"{changed}, {_NEVER.format(tag=release.tag)}")
            await self._update(lambda s: s.dismiss(dropped.dropped(release, why)) if release in s.accepted else s)
        return bool(changed)

    async def _other_repository(self, release: Release, github: GitHubApi) -> str | None:
        """Says so if another repository has the name by now: that it lacks the release means nothing.

        Raises GitHubUnavailable, GitHubRefused.
        """
        here = await github.repository()
        await self._update(lambda s: seen(s, self._stack, here))
        if release.repository_id in {None, here.id}:
            return None
        return (
            f"{here.name} is another repository now: its id is {here.id}, and the release's is {release.repository_id}"
        )

    def _changed(self, release: Release, found: Published) -> str | None:
        """What its author changed so that it is not wanted any more."""
        if found.event.tag != release.tag:
            return f"its release has the tag {found.event.tag} now"
        refusal = refusal_of(found.event, identified(self._stack, self._ports.journal.state.repository))
        return f"its release was changed: {refusal.text}" if refusal and refusal.cause is Cause.PRERELEASE else None

    async def _commit_of(self, release: Release) -> str | None:
        """The commit of its tag; None if that cannot be known now. Withdraws it if the tag was there and is gone."""
        try:
            async with self._ports.clock.limit(ANSWER_SECONDS):
                return await self._ports.source.commit_at(release.tag)
        except TagNotFound:
            if release.commit is not None:
                now = self._ports.clock.now()
                until = release.published_at or now
                await self._withdraw(Withdrawal(release.key, release.tag, now, "its tag was deleted", until))
        except (UpdaterError, TimeoutError) as away:
            self._unchecked(release, str(away) or f"the repository did not answer within {ANSWER_SECONDS:.0f} s")
        return None

    async def _withdraw(self, withdrawal: Withdrawal) -> None:
        """As its webhook would: in the ledger too, so that a late delivery does not bring it back."""
        await self._update(lambda s: withdrawn.withdraw(s, withdrawal))
        try:
            await self._ports.inbox.withdraw(withdrawal)
        except LedgerUnavailable as away:
            log.warning("a withdrawal is recorded in the journal only", tag=withdrawal.tag, reason=str(away))

    def _unchecked(self, release: Release, reason: str) -> None:
        """Says so once for each release and reason: while it waits for checks, it may be asked about often."""
        waiting = {r.key for r in self._ports.journal.state.accepted}
        self._said = {said for said in self._said if said[0] in waiting}
        if (release.key, reason) in self._said:
            return
        self._said.add((release.key, reason))
        log.warning("could not ask whether a waiting release was withdrawn or moved", tag=release.tag, reason=reason)
        about = {"tag": release.tag, "rollout_id": release.rollout_id, "reason": reason}
        self._ports.publisher.event("release.unchecked", **about)

    async def _update(self, change: Callable[[State], State]) -> None:
        self._ports.publisher.status(await self._ports.journal.update(change))
