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
    CommitUnknown,
    GitFailed,
    GitHubRefused,
    GitHubUnavailable,
    RepositoryReplaced,
    Superseded,
    TagMoved,
    TagNotFound,
    UpdaterError,
    Withdrawn,
)
from app.domain.release import Release
from app.domain.required_checks import SHORT_SHA
from app.domain.stack import Stack
from app.domain.state import State
from app.domain.withdrawal import Withdrawal
from workers.control import dropped
from workers.control.on_github import ANSWER_SECONDS, OnGitHub
from workers.ports import Ports
from workers.ports.github import GitHubApi

WAITED = timedelta(seconds=60)
"""A release that was accepted less long ago and was not held is as good as new: its webhook says what it is."""

APPROVAL_SECONDS = 8.0
"""How long to wait for the repository while an operator waits for the answer to an approval."""

_NO_COMMIT = (
    "{}. An approval is for a commit, so the release keeps waiting. Your traffic is unchanged. Approve {} again when "
    "the repository answers"
)
_NEVER = "so it never goes live. To roll it out all the same, run `updater deploy {tag}`"

log = structlog.get_logger()


class LastCheck:
    """`github`: None if there is none to ask."""

    def __init__(self, stack: Stack, ports: Ports, github: GitHubApi | None, *, approval: bool) -> None:
        self._stack = stack
        self._ports = ports
        self._on_github = OnGitHub(stack, ports, github)
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

    async def record_commit(self, tag: str) -> None:
        """Records the commits of the waiting releases with that tag, so that they can be approved.

        Raises CommitUnknown.
        """
        waiting = [r for r in self._ports.journal.state.accepted if r.tag == tag and r.from_github]
        for release in (r for r in waiting if r.commit is None):
            try:
                commit = await self._asked(release, APPROVAL_SECONDS)
            except UpdaterError as unknown:
                raise CommitUnknown(_NO_COMMIT.format(unknown, tag)) from unknown
            await self._update(lambda s, r=release, c=commit: withdrawn.committed(s, r.key, c))  # type: ignore[misc]

    async def check(self, release: Release) -> None:
        """Dismisses the release if it was withdrawn, and holds it again if its tag moved after its approval."""
        held = release.commit is not None or release.checks is not None
        waited = held or self._ports.clock.now() - release.accepted_at >= WAITED
        if not (release.from_github and waited):
            return
        if await self.was_withdrawn(release):
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

    async def against_live(self, decision: Callable[[], Decision]) -> dict[str, UpdaterError]:
        """Of the superseded releases that have the live one's tag: by key, why each is not just live already.

        Its tag has moved, or whether it has cannot be known now. One at the same commit takes the place of a live one
        that was withdrawn. The commit of an adopted release is not compared: it may be unknown.
        """
        compared: dict[str, UpdaterError | None] = {}
        while again := [r for r, _ in decision().superseded if r.key not in compared and self._may_have_moved(r)]:
            commit = await self._commit_or_why(again[0])
            for release in again:
                compared[release.key] = why = self._difference(release, release.chosen_commit or commit)
                if why is None and release.from_github:
                    await self._update(lambda s, r=release: withdrawn.made_again(s, r))  # type: ignore[misc]
        return {key: why for key, why in compared.items() if why is not None}

    def _may_have_moved(self, release: Release) -> bool:
        live = self._ports.journal.state.current
        return live is not None and not live.adopted and release.recall is None and release.tag == live.tag

    async def _commit_or_why(self, release: Release) -> str | UpdaterError:
        try:
            return await self._asked(release, ANSWER_SECONDS)
        except UpdaterError as away:
            return away

    def _difference(self, release: Release, commit: str | UpdaterError) -> UpdaterError | None:
        """Between the live release and one of its tag. `commit`: of that one, or why it is not known."""
        live, tag = self._ports.journal.state.current, release.tag
        if live is None or commit == live.sha:
            return None
        if isinstance(commit, UpdaterError):
            return Superseded(f"{tag} is already live. Whether its tag has moved since is not known: {commit}")
        return TagMoved(
            f"{tag} is live at the commit {live.sha[:SHORT_SHA]}, which stays live. {commit[:SHORT_SHA]} does not go "
            "live under the same tag. Publish the change under a new tag"
        )

    async def was_withdrawn(self, release: Release) -> bool:
        """Whether its author withdrew the release, or changed it so that it is not wanted any more.

        Then it does not wait any more. False if GitHub never announced it, or does not answer.
        """
        try:
            found = await self._on_github.ask(release)
        except (GitHubUnavailable, GitHubRefused, RepositoryReplaced) as away:
            self._unchecked(release, str(away))
            return False
        if isinstance(found, Withdrawal) or found is None:
            return found is not None
        if changed := self._changed(release, found):
            why = Withdrawn(f"{changed}, {_NEVER.format(tag=release.tag)}")
            await self._update(lambda s: s.dismiss(dropped.dropped(release, why)) if release in s.accepted else s)
        return bool(changed)

    def _changed(self, release: Release, found: Published) -> str | None:
        """What its author changed so that it is not wanted any more."""
        if found.event.tag != release.tag:
            return f"its release has the tag {found.event.tag} now"
        refusal = refusal_of(found.event, identified(self._stack, self._ports.journal.state.repository))
        return f"its release was changed: {refusal.text}" if refusal and refusal.cause is Cause.PRERELEASE else None

    async def _commit_of(self, release: Release) -> str | None:
        """The commit of its tag; None if that cannot be known now. Withdraws it if the tag was there and is gone."""
        try:
            return await self._asked(release, ANSWER_SECONDS)
        except TagNotFound:
            if release.commit is not None:
                now = self._ports.clock.now()
                until = release.published_at or now
                await self._on_github.withdraw(Withdrawal(release.key, release.tag, now, "its tag was deleted", until))
        except UpdaterError as away:
            self._unchecked(release, str(away))
        return None

    async def _asked(self, release: Release, seconds: float) -> str:
        """The commit of its tag. Raises TagNotFound, GitFailed, RepositoryReplaced."""
        try:
            async with self._ports.clock.limit(seconds):
                return await self._ports.source.commit_at(release.tag)
        except TimeoutError as late:
            raise GitFailed(f"the repository did not answer within {seconds:.0f} s") from late

    def _unchecked(self, release: Release, reason: str) -> None:
        """Says so once for each release and reason: while it waits for checks, it may be asked about often."""
        undecided = {r.key for r in self._ports.journal.state.at_work}
        self._said = {said for said in self._said if said[0] in undecided}
        if (release.key, reason) in self._said:
            return
        self._said.add((release.key, reason))
        log.warning("could not ask whether a release was withdrawn or moved", tag=release.tag, reason=reason)
        about = {"tag": release.tag, "rollout_id": release.rollout_id, "reason": reason}
        self._ports.publisher.event("release.unchecked", **about)

    async def _update(self, change: Callable[[State], State]) -> None:
        self._ports.publisher.status(await self._ports.journal.update(change))
