"""Publishes status, events and logs to the ledger in the background. A slow Redis never delays a rollout."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import structlog

from app.api.plan import PlannedDisk
from app.api.rollout import Record, Result
from app.api.status import PublishedStatus
from app.api.traffic import TrafficSeries
from app.config.release_policy import ReleasePolicy
from app.domain.errors import LedgerUnavailable, UpdaterError
from app.domain.findings import Alarm
from app.domain.history import HistoryEntry
from app.domain.long_lines import brief, shortened
from app.domain.release import Release
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.state import State
from app.domain.step import StepId
from app.ledger import Ledger
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.adapters.redaction import Hide
from workers.adapters.threads import in_file_thread
from workers.ports import Clock

WRITE_SECONDS = 2.0
CHARTS_SECONDS = 0.5
"""The limit to write the traffic, which comes every other second: it must not fill the time of the other writes."""

WAITING_BYTES = 8 * 1024**2
"""How much of the logs may wait while Redis is slow or unavailable. Beyond that, lines go only to the file."""

LINES_AT_ONCE = 200
LINE_OVERHEAD_BYTES = 200
"""What a waiting line uses beside its text."""

GAP = "[lines may be missing here, because Redis was slow or unavailable; the log file on the updater's host has them]"

log = structlog.get_logger()
Write = Callable[[], Awaitable[None]]

StepsOf = Callable[[bool], Sequence[StepId]]
"""Returns all steps of a rollout; with True, of a rollback to a kept release."""


class LedgerPublisher:
    """Writes in order, one at a time, in its own task. Log lines go to a file first.

    Everything is redacted and then shortened: a cut secret would not be recognized.
    """

    def __init__(
        self,
        ledger: Ledger,
        steps: StepsOf,
        archive: HistoryFile,
        logs: RolloutLogs,
        clock: Clock,
        *,
        hide: Hide = lambda v: v,
        policy: ReleasePolicy = ReleasePolicy(),  # noqa: B008 - it is frozen
        notified: Callable[[], dict[str, int]] = dict,
        public_url: str | None = None,
        forge_url: str | None = None,
        disk: Callable[[], PlannedDisk | None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._steps = steps
        self._policy = policy
        self._archive = archive
        self._logs = logs
        self._redact = hide
        self._notified = notified
        self._public_url, self._forge_url = public_url, forge_url
        self._disk = disk
        self._clock = clock
        self._queue: asyncio.Queue[Write] = asyncio.Queue()
        self._durations: dict[str, float] = {}
        self._latest: State | None = None
        self._charts: TrafficSeries | None = None
        self._state: State | None = None
        self._alarms: list[Alarm] = []
        self._behind = False
        self._lines: list[tuple[str, str]] = []
        self._waiting_bytes = 0
        self._incomplete: set[str] = set()

    def status(self, state: State) -> None:
        """Publishes the latest status. It replaces one that waits to be written."""
        waiting = self._latest is not None
        self._latest = self._state = state
        if not waiting:
            self._queue.put_nowait(self._write_status)

    def event(self, kind: str, **data: Any) -> None:
        hidden = self._hide(data)
        self._queue.put_nowait(lambda: self._ledger.publish_event(kind, hidden))

    def queued(self, releases: Sequence[Release]) -> None:
        for release in releases:
            self._queue.put_nowait(partial(self._ledger.publish_record, Record.queued(release).as_json()))

    def keep(self, rollout: Rollout, state: State) -> None:
        self._archive.append(self._redacted(_entry(rollout, state)))

    def result(self, rollout: Rollout, state: State) -> None:
        result = self._hide(Result.of(rollout, state).as_json())
        if rollout.status is RolloutStatus.SUCCESS and rollout.release.recall is None:
            self._durations = {s.name: s.seconds for s in rollout.steps if s.seconds is not None}
        entry = self._redacted(_entry(rollout, state))
        record = self._hide(Record.of(rollout).as_json()) | result
        self._queue.put_nowait(lambda: self._ledger.publish_record(record))
        if state.begins_again(rollout):
            self._queue.put_nowait(lambda: self._ledger.record_decision(entry))
            self.event("rollout.interrupted", rollout_id=rollout.id, tag=rollout.release.tag)
            return
        self._queue.put_nowait(lambda: self._ledger.record_result(result, entry))
        self.event("rollout.completed", rollout_id=rollout.id, tag=rollout.release.tag, status=rollout.status)
        if state.paused:
            self.event("paused", reason=state.pause_reason)

    def stopping(self, release: Release, why: UpdaterError) -> None:
        self._keep_decision(release, why)

    def decided(self, release: Release, why: UpdaterError) -> None:
        entry = self._keep_decision(release, why)
        self._queue.put_nowait(lambda: self._ledger.record_decision(entry))
        self.event(f"release.{why.code}", tag=release.tag, rollout_id=release.rollout_id, reason=why.detail)

    def _keep_decision(self, release: Release, why: UpdaterError) -> HistoryEntry:
        entry = self._redacted(HistoryEntry.without_rollout(release, why, self._clock.now()))
        self._archive.append(entry)
        return entry

    def alarms(self, alarms: Sequence[Alarm]) -> None:
        new = [alarm for alarm in alarms if alarm not in self._alarms]
        if list(alarms) == self._alarms:
            return
        self._alarms = list(alarms)
        for alarm in new:
            log.error("alarm", kind=alarm.kind, text=alarm.text)
            self.event("alarm", alarm=alarm.kind, text=alarm.text)
        if self._state is not None:
            self.status(self._state)

    def traffic(self, series: TrafficSeries) -> None:
        """Publishes the latest series. It replaces one that waits to be written."""
        waiting, self._charts = self._charts is not None, series
        if not waiting:
            self._queue.put_nowait(self._write_traffic)

    def line(self, rollout: str, line: str) -> None:
        line = shortened(self._redact(line))
        self._logs.append(rollout, line, self._clock.now())
        if self._waiting_bytes <= WAITING_BYTES:
            self._add(rollout, line)
        elif self._lines[-1] != (rollout, GAP):
            self._add(rollout, GAP)

    def _add(self, rollout: str, line: str) -> None:
        """Lets a line wait for Redis, in a write of at most LINES_AT_ONCE with its own limit.

        A result that comes later is written later: a reader of the log leaves when it finds the result.
        """
        if not self._lines or len(self._lines) == LINES_AT_ONCE:
            self._lines = []
            self._queue.put_nowait(partial(self._write_lines, self._lines))
        self._lines.append((rollout, line))
        self._waiting_bytes += len(line) + LINE_OVERHEAD_BYTES

    async def history(self) -> list[HistoryEntry]:
        return await in_file_thread(self._archive.entries)

    async def rebuild(self, *, always: bool = False) -> None:
        try:
            if always or self._behind or await self._ledger.lost():
                self._behind = False
                await self._ledger.restore(await in_file_thread(self._archive.entries))
        except LedgerUnavailable as away:
            self._behind = True
            log.warning("the ledger cannot be rebuilt now", reason=str(away))

    async def run(self) -> None:
        """Executes the queued writes until it is cancelled."""
        while True:
            write = await self._queue.get()
            try:
                await self._write(write)
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Waits until every queued write is done or abandoned."""
        await self._queue.join()

    async def _write(self, write: Write) -> None:
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await write()
        except (LedgerUnavailable, TimeoutError) as error:
            self._behind = True
            log.warning("the ledger could not be written; the rollout continues without it", reason=str(error))
        except Exception:
            log.exception("a write to the ledger failed; later writes continue")

    async def _write_status(self) -> None:
        latest, self._latest = self._latest, None
        if latest is None:
            return
        recall = latest.rollout is not None and latest.rollout.release.recall is not None
        steps = self._steps(recall)
        status = PublishedStatus.of(
            latest,
            steps,
            self._durations,
            held=self._policy.decide(latest, self._clock.now()).held,
            alarms=self._alarms,
            notifications=self._notified(),
            public_url=self._public_url,
            forge_url=self._forge_url,
            disk=self._disk(),
        )
        record = self._hide(Record.of(latest.rollout).as_json()) if latest.rollout else None
        await self._ledger.publish_status(self._hide(status.as_json()), record)

    async def _write_traffic(self) -> None:
        """A series that is not written is not missed: the next one has its samples too."""
        series, self._charts = self._charts, None
        if series is None:
            return
        with contextlib.suppress(LedgerUnavailable, TimeoutError):
            async with asyncio.timeout(CHARTS_SECONDS):
                await self._ledger.publish_traffic(self._hide(series.as_json()))

    def _redacted(self, entry: HistoryEntry) -> HistoryEntry:
        return HistoryEntry(**self._hide(asdict(entry)))

    async def _write_lines(self, lines: Sequence[tuple[str, str]]) -> None:
        """Writes `lines`. If an earlier write of a log failed, its next lines follow a GAP."""
        if lines is self._lines:
            self._lines = []
        self._waiting_bytes -= sum(len(line) + LINE_OVERHEAD_BYTES for _, line in lines)
        incomplete, rollouts = set(self._incomplete), dict.fromkeys(rollout for rollout, _ in lines)
        self._incomplete.update(rollouts)
        for rollout in rollouts:
            own = [line for owner, line in lines if owner == rollout]
            await self._ledger.append_log(rollout, [GAP, *own] if rollout in incomplete else own)
            self._incomplete.discard(rollout)

    def _hide(self, value: Any) -> Any:
        return brief(self._redact(value))


def _entry(rollout: Rollout, after: State) -> HistoryEntry:
    return HistoryEntry.of(rollout, waits_again=after.waits_again(rollout))
