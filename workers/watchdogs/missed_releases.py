"""Finds on GitHub what no webhook said: new releases, and that the live one was withdrawn."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.acceptance.policy import Cause, refusal_of
from app.domain.acceptance.published import Decided, Published, dates_of, missed, wanted
from app.domain.acceptance.repository import identified
from app.domain.acceptance.withdrawn import withdrawal_of
from app.domain.errors import (
    GitHubRefused,
    GitHubUnavailable,
    LedgerUnavailable,
    RepositoryReplaced,
    StaleWorker,
    Withdrawn,
)
from app.domain.findings import Alarm
from app.domain.release import FORGOTTEN, WITHDRAWN, Release, Trigger, new_rollout_id
from app.domain.stack import Stack
from app.domain.state import State
from app.domain.tags import TagOrder
from app.domain.withdrawal import Withdrawal
from app.task_group import task_group
from workers.control.known_repository import seen
from workers.control.last_check import WAITED
from workers.control.on_github import OnGitHub
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.ports.github import GitHubApi, RepositoryIdentity
from workers.watchdogs.backoff import Backoff
from workers.watchdogs.repeat import close_difference

MISSED_CHECKS = 3
"""The alarm begins after this many intervals without an answer."""

DELIVERIES_KEPT = timedelta(days=3)
"""How long GitHub keeps a delivery."""

log = structlog.get_logger()


class MissedReleases:
    """Asks GitHub at the start, then every `every` seconds, and sooner while GitHub does not answer."""

    def __init__(
        self,
        stack: Stack,
        ports: Ports,
        github: GitHubApi,
        reconciler: Reconciler,
        *,
        every: float,
        backoff: Backoff | None = None,
    ) -> None:
        self._whole = self._stack = stack
        self._ports = ports
        self._github = github
        self._on_github = OnGitHub(stack, ports, github)
        self._reconciler = reconciler
        self._every = every
        self._backoff = backoff or Backoff()
        self._answered_at = ports.clock.monotonic()
        self._why = ""

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over. Does not wait for the rollouts it starts."""
        async with task_group() as rolling:
            while not self._reconciler.replaced:
                found, wait = await self._checked()
                if found:
                    rolling.create_task(close_difference(self._reconciler, "the missed release"))
                await self._ports.clock.sleep(wait)

    async def check(self) -> list[Release]:
        """Accepts missed releases as a webhook would, and returns them if their rollouts may begin.

        Without Redis no rollout should begin: then the missed releases wait in the journal, and the list is empty.
        Raises GitHubUnavailable, GitHubRefused.
        """
        published = await self._published()
        now_there = await self._repository(published)
        seen_now = await self._ports.journal.update(lambda s: seen(s, self._whole, now_there))
        self._stack = identified(self._whole, seen_now.repository)
        history = await self._ports.publisher.history()
        decided = [Decided(entry.tag, entry.at) for entry in history if entry.result != Withdrawn.code]
        state = await self._dated(published)
        releases = [self._release(p) for p in missed(published, self._stack, state, decided)]
        for release in releases:
            log.warning("found a release on GitHub without a webhook; accepted", tag=release.tag)
        begin = await self._accept(releases)
        await self._show_ignored(published)
        await self._find_withdrawn(published)
        await self._report_failed_deliveries(state.last_checked_at)
        now = self._ports.clock.now()
        self._ports.publisher.status(await self._ports.journal.update(lambda s: s.check(now)))
        return releases if begin else []

    def alarms(self) -> Sequence[Alarm]:
        """The alarm that GitHub has not answered for so long that a lost webhook may be a lost release."""
        silent = self._ports.clock.monotonic() - self._answered_at
        if silent < MISSED_CHECKS * self._every:
            return []
        text = f"GitHub has not listed its releases for {silent / 60:.0f} min. Webhooks still work. {self._why}"
        return [Alarm("github_silent", text)]

    async def _checked(self) -> tuple[bool, float]:
        """Checks once. Returns whether a rollout may begin, and the seconds until the next check."""
        try:
            found = await self.check()
        except StaleWorker:
            return False, 0.0
        except GitHubUnavailable as error:
            return False, self._silent(error, self._backoff.after(error))
        except GitHubRefused as error:
            return False, self._silent(error, self._backoff.spread(self._every))
        except Exception as error:
            log.exception("could not compare GitHub's releases with the live release")
            return False, self._silent(error, self._backoff.spread(self._every))
        self._backoff.done()
        self._answered_at, self._why = self._ports.clock.monotonic(), ""
        return bool(found), self._backoff.spread(self._every)

    def _silent(self, error: Exception, wait: float) -> float:
        self._why = str(error)
        log.warning("could not list GitHub's releases; retrying", reason=self._why, seconds=round(wait, 1))
        return wait

    async def _dated(self, published: Sequence[Published]) -> State:
        """Records GitHub's dates of the live and the waiting releases, if the stack's releases are ordered by them."""
        if self._stack.tags.order is not TagOrder.PUBLISHED:
            return self._ports.journal.state
        return await self._ports.journal.update(lambda s: s.dated(dates_of(published)))

    async def _published(self) -> list[Published]:
        """Reads pages until one has a release of this stack that is not newer than the live one."""
        found: list[Published] = []
        self._stack = identified(self._whole, self._ports.journal.state.repository)
        live = self._ports.journal.state.current
        async for page in self._github.releases():
            found += page
            ours = wanted(page, self._stack)
            if ours and (live is None or len(ours) > len(wanted(page, self._stack, live.dated))):
                break
        return found

    async def _repository(self, published: Sequence[Published]) -> RepositoryIdentity:
        """The repository as GitHub's list has it; an empty list does not say it."""
        if not published:
            return await self._github.repository()
        return RepositoryIdentity(published[0].event.repository, published[0].event.repository_id)

    async def _find_withdrawn(self, published: Sequence[Published]) -> None:
        """Asks for the live release, and for the one that rolls out, if it is not in the list: it may be withdrawn.

        Before its flip that ends its rollout. One that was accepted a moment ago is not asked for: its webhook says
        what it is, and not each of GitHub's servers may have it yet. Raises GitHubUnavailable.
        """
        state = self._ports.journal.state
        listed = {p.event.key for p in published if not p.event.draft}
        running = state.rollout.release if state.rollout else None
        settled = running is not None and self._ports.clock.now() - running.accepted_at >= WAITED
        begun = (running if settled else None, state.current)
        for release in (r for r in begun if r and r.key not in listed and not withdrawal_of(state, r)):
            try:
                found = await self._on_github.ask(release)
            except (GitHubRefused, RepositoryReplaced) as unclear:
                log.warning("could not ask whether a release was withdrawn", tag=release.tag, reason=str(unclear))
                continue
            if isinstance(found, Withdrawal):
                log.warning("a release was withdrawn on GitHub without a webhook", tag=release.tag, reason=found.reason)
                await self._reconciler.take_in()

    async def _accept(self, releases: Sequence[Release]) -> bool:
        """Accepts the newest first, so that a look in between begins no older one. Returns whether Redis answered.

        A release that the ledger knows but the journal does not was lost in between. It goes to the journal directly,
        as all do while Redis is unavailable.
        """
        lost, there = list(releases), True
        try:
            for release in releases:
                known = await self._ports.inbox.accept(release)
                if known is None or known.rollout_id == WITHDRAWN:
                    lost.remove(release)
                elif known.rollout_id != FORGOTTEN:
                    lost[lost.index(release)] = known
        except LedgerUnavailable as away:
            there = False
            log.warning("the ledger is unavailable; recording the release in the journal only", reason=str(away))
        if lost:
            before = self._ports.journal.state.accepted
            state = await self._ports.journal.update(lambda s: s.accept(*lost))
            self._ports.publisher.queued([r for r in state.accepted if r not in before])
        return there

    async def _show_ignored(self, published: Sequence[Published]) -> None:
        """Records that the newest release is ignored because of its tag or its repository, unless its webhook did."""
        newest = max(published, key=lambda p: p.at, default=None)
        refusal = refusal_of(newest.event, self._stack) if newest else None
        if newest is None or refusal is None or refusal.cause not in {Cause.TAG, Cause.REPOSITORY}:
            return
        try:
            if newest.event.key not in {release.key for release in await self._ports.inbox.ignored()}:
                await self._ports.inbox.ignore(IgnoredRelease.of(newest.event, refusal, self._ports.clock.now()))
        except LedgerUnavailable as away:
            log.warning("an ignored release is not recorded", tag=newest.event.tag, reason=str(away))

    async def _report_failed_deliveries(self, last: datetime | None) -> None:
        """Records failed deliveries for the audit. If GitHub does not list them, nothing else is affected."""
        oldest = self._ports.clock.now() - DELIVERIES_KEPT
        since = max(last or oldest, oldest)
        try:
            failed = await self._github.failed_deliveries(since)
        except (GitHubUnavailable, GitHubRefused) as error:
            log.warning("could not list failed webhooks", reason=str(error))
            return
        for delivery in failed:
            facts = {"delivery": delivery.guid, "action": delivery.action, "status": delivery.status}
            log.warning("a webhook delivery failed", **facts)
            self._ports.publisher.event("delivery.failed", **facts, at=delivery.at.isoformat())

    def _release(self, published: Published) -> Release:
        return Release(
            key=published.event.key,
            tag=published.event.tag,
            rollout_id=new_rollout_id(),
            trigger=Trigger.RECONCILE,
            accepted_at=self._ports.clock.now(),
            version=self._stack.tags.version_in(published.event.tag),
            published_at=published.at,
            repository=published.event.repository,
        )
