"""Sends a notification for each published outcome: once, even across restarts."""

from collections.abc import Sequence
from typing import Any

from app.api.traffic import TrafficSeries
from app.domain.acceptance.decision import Hold
from app.domain.errors import UpdaterError
from app.domain.findings import Alarm
from app.domain.history import HistoryEntry
from app.domain.notices import notice as notices
from app.domain.release import Release
from app.domain.rollout import Rollout
from app.domain.state import State
from workers.ports import Notifier, Publisher

UNANNOUNCED = frozenset({Hold.RETRY, Hold.CHECKS})
"""Holds that end by themselves, of most releases. An alarm or the outcome says if one does not."""


class Announced:
    """Forwards to `publisher` and notifies through `notifier`.

    Notices of a pause or an alarm derive from the current state, not from a call. So the next status sends them, even
    if the worker was killed in between. A failed release that is tried again by itself wakes no one once more.
    """

    def __init__(self, publisher: Publisher, notifier: Notifier, project: str) -> None:
        self._publisher, self._notifier, self._project = publisher, notifier, project

    def status(self, state: State) -> None:
        self._publisher.status(state)
        self._accepted(state.accepted)
        if state.paused:
            self._notifier.notify(notices.paused(self._project, state.pause_reason or "no reason was given"))
        elif state.resumed_at and self._notifier.settle(notices.PAUSED, before=state.resumed_at):
            self._notifier.notify(notices.resumed(self._project, state))

    def event(self, kind: str, **data: Any) -> None:
        self._publisher.event(kind, **data)
        if kind == "release.held" and data.get("reason") not in UNANNOUNCED:
            self._notifier.notify(notices.held(self._project, data))

    def queued(self, releases: Sequence[Release]) -> None:
        self._publisher.queued(releases)
        self._accepted(releases)

    def keep(self, rollout: Rollout, state: State) -> None:
        """Notifies here, not in `result`: if the worker is killed between the two, the notice would be lost."""
        self._publisher.keep(rollout, state)
        if state.begins_again(rollout) or state.retries(rollout):
            return
        self._notifier.notify(notices.ended(self._project, rollout, state))
        if state.paused and state.pause_reason:
            self._notifier.mark(notices.paused(self._project, state.pause_reason).id)

    def result(self, rollout: Rollout, state: State) -> None:
        self._publisher.result(rollout, state)

    def decided(self, release: Release, why: UpdaterError) -> None:
        self._publisher.decided(release, why)
        self._notifier.notify(notices.dropped(self._project, release, why))

    def stopping(self, release: Release, why: UpdaterError) -> None:
        self._publisher.stopping(release, why)

    async def history(self) -> list[HistoryEntry]:
        return await self._publisher.history()

    async def rebuild(self, *, always: bool = False) -> None:
        await self._publisher.rebuild(always=always)

    def alarms(self, alarms: Sequence[Alarm]) -> None:
        self._publisher.alarms(alarms)
        current = [notices.alarm(self._project, alarm.kind, alarm.text) for alarm in alarms]
        self._notifier.settle(notices.ALARM, standing=[notice.id for notice in current])
        for notice in current:
            self._notifier.notify(notice)

    def traffic(self, series: TrafficSeries) -> None:
        self._publisher.traffic(series)

    def line(self, rollout: str, line: str) -> None:
        self._publisher.line(rollout, line)

    def _accepted(self, releases: Sequence[Release]) -> None:
        for release in (r for r in releases if r.retry_at is None):
            self._notifier.notify(notices.accepted(self._project, release))
