"""The publisher in memory."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from app.api.traffic import TrafficSeries
from app.domain.errors import UpdaterError
from app.domain.findings import Alarm
from app.domain.history import HistoryEntry
from app.domain.release import Release
from app.domain.rollout import Rollout
from app.domain.state import State
from tests.fakes.clock import FakeClock


class FakePublisher:
    """Records everything that is published; `entries` is the history, oldest first.

    `heard` is called with each event. `shown` is the status that Redis has. A status that is published while Redis does
    not answer (`answers`) is lost.
    """

    def __init__(self, clock: FakeClock, answers: Callable[[], bool] = lambda: True) -> None:
        self._clock, self._answers = clock, answers
        self.entries: list[HistoryEntry] = []
        self.statuses: list[State] = []
        self.shown: State | None = None
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.results: list[tuple[Rollout, State]] = []
        self.never: list[tuple[str, str]] = []
        self.lines: list[tuple[str, str]] = []
        self.rebuilt = 0
        self.waiting: list[str] = []
        self.kept: list[tuple[Rollout, State]] = []
        self.alarmed: list[list[str]] = []
        self.alarm_texts: list[str] = []
        self.charts: list[TrafficSeries] = []
        self.heard: Callable[[str, dict[str, Any]], object] = lambda *_: None
        self._at_event: dict[str, Callable[[], object]] = {}

    def at_event(self, kind: str, happen: Callable[[], object]) -> None:
        """Calls `happen` once, at the next event of that kind."""
        self._at_event[kind] = happen

    def status(self, state: State) -> None:
        self.statuses.append(state)
        if self._answers():
            self.shown = state

    def event(self, kind: str, **data: Any) -> None:
        self.events.append((kind, data))
        self._at_event.pop(kind, lambda: None)()
        self.heard(kind, data)

    def queued(self, releases: Sequence[Release]) -> None:
        self.waiting += [release.tag for release in releases]

    def keep(self, rollout: Rollout, state: State) -> None:
        self.kept.append((rollout, state))
        self._remember(HistoryEntry.of(rollout, waits_again=state.waits_again(rollout)))

    def result(self, rollout: Rollout, state: State) -> None:
        self.results.append((rollout, state))

    def decided(self, release: Release, why: UpdaterError) -> None:
        self.never.append((release.tag, why.detail))
        self._remember(HistoryEntry.without_rollout(release, why, self._clock.now()))

    def stopping(self, release: Release, why: UpdaterError) -> None:
        self._remember(HistoryEntry.without_rollout(release, why, self._clock.now()))

    async def history(self) -> list[HistoryEntry]:
        await asyncio.sleep(0)
        return self.entries[::-1]

    async def rebuild(self, *, always: bool = False) -> None:
        await asyncio.sleep(0)
        self.rebuilt += 1 if always else 0

    def alarms(self, alarms: Sequence[Alarm]) -> None:
        self.alarmed.append([alarm.kind for alarm in alarms])
        self.alarm_texts = [alarm.text for alarm in alarms]

    def traffic(self, series: TrafficSeries) -> None:
        self.charts.append(series)

    def line(self, rollout: str, line: str) -> None:
        self.lines.append((rollout, line))

    def _remember(self, entry: HistoryEntry) -> None:
        """Replaces an earlier entry of the same rollout."""
        self.entries = [*(e for e in self.entries if e.rollout_id != entry.rollout_id), entry]
