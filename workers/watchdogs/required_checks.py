"""Asks GitHub about the checks that the stack file requires, for each release that waits.

What it finds is kept in the journal with the release, so a restart waits on. A release begins only while its checks are
recorded as green; one with a red check is refused. While GitHub does not answer, releases wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import structlog

from app.domain.errors import ChecksRefused, GitHubRefused, GitHubUnavailable
from app.domain.findings import Alarm
from app.domain.notices import messages
from app.domain.release import Release
from app.domain.required_checks import (
    EXPECTED_SECONDS,
    CommitChecks,
    JudgedChecks,
    RequiredChecks,
    Standing,
    disputed,
    judged,
    unreadable,
)
from app.domain.state import State
from app.task_group import task_group
from workers.control import dropped
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.ports.github import GitHubApi
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.repeat import close_difference, repeat

LOOK_SECONDS = 1.0
ASK_SECONDS = 20.0
"""How often to ask about one release, in four requests. GitHub allows 5000 changed answers an hour with a token …"""

ASK_SECONDS_WITHOUT_TOKEN = 300.0
"""… and 60 answers without one. A Gitea does not count them."""

NO_COMMIT = frozenset({404, 422})
"""GitHub's answers if there is no such tag: its release may have been withdrawn, and the webhook lost.

https://docs.github.com/en/rest/commits/commits#get-a-commit
"""

log = structlog.get_logger()


@dataclass(frozen=True)
class _Known:
    """Since when GitHub was asked about a commit, and since when that has had the checks with these names."""

    sha: str
    since: float
    names: tuple[str, ...]
    unchanged_since: float

    @classmethod
    def next(cls, last: "_Known | None", kept: JudgedChecks | None, sha: str, found: CommitChecks, now: float) -> Self:
        """After the answer `found` at `now`. `kept`: what the journal has, maybe of an earlier worker."""
        same = last is not None and last.sha == sha
        reported = kept is not None and kept.sha == sha and kept.standing is Standing.MISSING
        first = now - EXPECTED_SECONDS if reported else now
        since = last.since if last and same else first
        unchanged = last is not None and same and last.names == found.names
        return cls(sha, since, found.names, last.unchanged_since if last and unchanged else now)


class RequiredChecksWatch:
    """Asks about a release as soon as it waits, then every `every` seconds for each release that waits."""

    def __init__(
        self,
        required: RequiredChecks,
        ports: Ports,
        github: GitHubApi,
        reconciler: Reconciler,
        *,
        every: float = ASK_SECONDS,
        backoff: Backoff | None = None,
    ) -> None:
        self._required = required
        self._ports = ports
        self._github = github
        self._reconciler = reconciler
        self._every = every
        self._backoff = backoff or Backoff()
        self._next: dict[str, float] = {}
        self._known: dict[str, _Known] = {}
        self._answered_at = ports.clock.monotonic()
        self._quiet_until = 0.0

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over. Does not wait for the rollouts it starts."""
        async with task_group() as rolling:

            async def look() -> None:
                if await self.look():
                    rolling.create_task(close_difference(self._reconciler, "a release with green checks"))

            await repeat(
                look,
                "could not look at the checks of waiting releases",
                every=LOOK_SECONDS,
                clock=self._ports.clock,
                replaced=lambda: self._reconciler.replaced,
            )

    async def look(self) -> bool:
        """Asks about each release that is due. Returns whether one may begin now, or was refused."""
        waiting = [release for release in self._ports.journal.state.accepted if not release.asked_for]
        keys = {release.key for release in waiting}
        self._next = {key: at for key, at in self._next.items() if key in keys}
        self._known = {key: known for key, known in self._known.items() if key in keys}
        if not waiting:
            self._answered_at = self._now()
        changed = False
        for release in waiting:
            due = 0.0 if release.has_unknown_checks else self._next.get(release.key, 0.0)
            if self._now() >= max(self._quiet_until, due):
                checks = await self._judged(release)
                self._next[release.key] = self._now() + self._backoff.spread(self._every * len(waiting))
                changed |= await self._record(release, checks)
        return changed

    def alarms(self) -> Sequence[Alarm]:
        """One alarm for each release whose checks may never become green: a person has to look."""
        silent = self._now() - self._answered_at >= EXPECTED_SECONDS
        wrong = {Standing.MISSING, Standing.REFUSED} | ({Standing.SILENT} if silent else set())
        accepted = [r for r in self._ports.journal.state.accepted if not r.asked_for]
        return [
            Alarm("checks_unknown", messages.checks_unknown(r.tag, r.checks))
            for r in accepted
            if r.checks is not None and r.checks.standing in wrong
        ]

    def _now(self) -> float:
        return self._ports.clock.monotonic()

    async def _judged(self, release: Release) -> JudgedChecks:
        try:
            sha = await self._github.commit_of(release.tag)
            found = await self._github.checks_of(sha)
        except GitHubUnavailable as away:
            self._quiet_until = self._now() + self._backoff.after(away)
            return JudgedChecks(Standing.SILENT, f"{away}. The worker keeps asking.")
        except GitHubRefused as refused:
            if refused.status in NO_COMMIT:
                await self._reconciler.check_again(release)
            return JudgedChecks(Standing.REFUSED, unreadable(refused))
        self._backoff.done()
        self._answered_at = self._now()
        known = self._known[release.key] = _Known.next(
            self._known.get(release.key), release.checks, sha, found, self._now()
        )
        waited, settled = self._now() - known.since, self._now() - known.unchanged_since
        if other := await self._other_commit(release, sha):
            return disputed(sha, other, waited=waited)
        return judged(self._required, found, sha=sha, waited=waited, settled=settled)

    async def _other_commit(self, release: Release, sha: str) -> str | None:
        """The commit of its tag in Git, if that is known and is not `sha`: either server may be behind for a moment."""
        if release.may_be_at(sha):
            return None
        await self._reconciler.check_again(release)
        now = next((r for r in self._ports.journal.state.accepted if r.key == release.key), None)
        return now.commit if now and not now.may_be_at(sha) else None

    async def _record(self, release: Release, checks: JudgedChecks) -> bool:
        """Returns whether what the release waits for has changed so that something may begin."""
        known = release.checks
        unanswered = checks.standing in {Standing.SILENT, Standing.REFUSED}
        if checks == known or (unanswered and release.has_green_checks):
            return False  # green stays true of its commit, and a moved tag is refused when it is fetched
        log.info("checks of a waiting release", tag=release.tag, standing=checks.standing, text=checks.text)
        state = await self._ports.journal.update(lambda s: _with(s, release.key, checks))
        self._ports.publisher.status(state)
        await dropped.report(self._ports)
        return checks.standing in {Standing.GREEN, Standing.RED}


def _with(state: State, key: str, checks: JudgedChecks) -> State:
    """Refuses the release if a check is red, unless a call has decided it meanwhile, or its tag has moved on."""
    if checks.standing is not Standing.RED:
        return state.judge(key, checks)
    red = [r for r in state.accepted if r.key == key and r.may_be_at(checks.sha)]
    return state.dismiss(*(dropped.dropped(r, ChecksRefused(messages.red_checks(r.tag, checks))) for r in red))
