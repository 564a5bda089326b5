"""Finds releases on GitHub whose webhook did not arrive."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from app.domain.errors import GitHubRefused, GitHubUnavailable, LedgerUnavailable, StaleWorker
from app.domain.findings import Alarm
from app.domain.published import Decided, Published, missed, wanted
from app.domain.release import FORGOTTEN, Release, Trigger, new_rollout_id
from app.domain.stack import Stack
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.ports.github import GitHubApi
from workers.watchdogs.backoff import Backoff

MISSED_CHECKS = 3
"""So many intervals without an answer are worth an alarm."""

DELIVERIES_KEPT = timedelta(days=3)
"""GitHub forgets a delivery after that."""

log = structlog.get_logger()


class MissedReleases:
    """Asks at the start, every `every` seconds, and sooner while GitHub does not answer."""

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
        self._stack = stack
        self._ports = ports
        self._github = github
        self._reconciler = reconciler
        self._every = every
        self._backoff = backoff or Backoff()
        self._answered_at = ports.clock.monotonic()
        self._why = ""

    async def run(self) -> None:
        """Until it is cancelled, or another worker has taken over. A rollout that follows is not waited for."""
        async with asyncio.TaskGroup() as rolling:
            while not self._reconciler.replaced:
                found, wait = await self._checked()
                if found:
                    rolling.create_task(self._close_difference())
                await self._ports.clock.sleep(wait)

    async def check(self) -> list[Release]:
        """What was missed, accepted now as a webhook's release is, and may begin.

        While Redis is away no rollout would begin well: what was missed waits in the journal, and none is returned.
        Raises GitHubUnavailable, GitHubRefused.
        """
        published = await self._published()
        history = await self._ports.publisher.history()
        decided = [Decided(entry.tag, entry.at) for entry in history]
        state = self._ports.journal.state
        releases = [self._release(p) for p in missed(published, self._stack, state, decided)]
        for release in releases:
            log.warning("a release was published and no webhook told it; it is accepted now", tag=release.tag)
        begin = await self._accept(releases)
        await self._tell_failed_deliveries(state.last_checked_at)
        now = self._ports.clock.now()
        self._ports.publisher.status(await self._ports.journal.update(lambda s: s.check(now)))
        return releases if begin else []

    def alarms(self) -> Sequence[Alarm]:
        """That GitHub was not asked for so long that a lost webhook may be a lost release."""
        silent = self._ports.clock.monotonic() - self._answered_at
        if silent < MISSED_CHECKS * self._every:
            return []
        text = (
            f"GitHub could not be asked for its releases for {silent / 60:.0f} min; webhooks still come in. {self._why}"
        )
        return [Alarm("github_silent", text)]

    async def _checked(self) -> tuple[bool, float]:
        """Whether something was missed, and how long until the next look."""
        try:
            found = await self.check()
        except StaleWorker:
            return False, 0.0
        except GitHubUnavailable as error:
            return False, self._silent(error, self._backoff.after(error))
        except GitHubRefused as error:
            return False, self._silent(error, self._backoff.spread(self._every))
        except Exception as error:
            log.exception("GitHub's releases could not be compared with what is live")
            return False, self._silent(error, self._backoff.spread(self._every))
        self._backoff.done()
        self._answered_at, self._why = self._ports.clock.monotonic(), ""
        return bool(found), self._backoff.spread(self._every)

    def _silent(self, error: Exception, wait: float) -> float:
        self._why = str(error)
        log.warning("GitHub could not be asked for its releases", reason=self._why, seconds=round(wait, 1))
        return wait

    async def _published(self) -> list[Published]:
        """As many pages as it takes to meet a release that is not newer than the live one."""
        found: list[Published] = []
        live = self._ports.journal.state.current
        async for page in self._github.releases():
            found += page
            ours = wanted(page, self._stack)
            if ours and (live is None or len(ours) > len(wanted(page, self._stack, live.tag))):
                break
        return found

    async def _accept(self, releases: Sequence[Release]) -> bool:
        """The newest first, so that a look in between does not begin an older one. Whether the ledger was there.

        What the ledger knows and the journal does not was lost on its way: it comes in by the journal, as all do
        while Redis is away.
        """
        lost, there = list(releases), True
        try:
            for release in releases:
                known = await self._ports.inbox.accept(release)
                if known is None:
                    lost.remove(release)
                elif known.rollout_id != FORGOTTEN:
                    lost[lost.index(release)] = known
        except LedgerUnavailable as away:
            there = False
            log.warning("the ledger does not take the release; the journal does", reason=str(away))
        if lost:
            before = self._ports.journal.state.accepted
            state = await self._ports.journal.update(lambda s: s.accept(*lost))
            self._ports.publisher.queued([r for r in state.accepted if r not in before])
        return there

    async def _tell_failed_deliveries(self, last: datetime | None) -> None:
        """For the audit; that nobody may be asked for them costs nothing else."""
        oldest = self._ports.clock.now() - DELIVERIES_KEPT
        since = max(last or oldest, oldest)
        try:
            failed = await self._github.failed_deliveries(since)
        except (GitHubUnavailable, GitHubRefused) as error:
            log.warning("GitHub did not say which webhooks failed", reason=str(error))
            return
        for delivery in failed:
            facts = {"delivery": delivery.guid, "action": delivery.action, "status": delivery.status}
            log.warning("a webhook was sent and not taken", **facts)
            self._ports.publisher.event("delivery.failed", **facts, at=delivery.at.isoformat())

    async def _close_difference(self) -> None:
        try:
            await self._reconciler.reconcile()
        except StaleWorker:
            log.info("another worker has taken over")
        except Exception:
            log.exception("what was missed is rolled out at the next look")

    def _release(self, published: Published) -> Release:
        return Release(
            key=published.event.key,
            tag=published.event.tag,
            rollout_id=new_rollout_id(),
            trigger=Trigger.RECONCILE,
            accepted_at=self._ports.clock.now(),
        )
