"""The port that publishes rollouts for people and other programs."""

from collections.abc import Sequence
from typing import Any, Protocol

from app.api.traffic import TrafficSeries
from app.domain.errors import UpdaterError
from app.domain.findings import Alarm
from app.domain.history import HistoryEntry
from app.domain.release import Release
from app.domain.rollout import Rollout
from app.domain.state import State


class Publisher(Protocol):
    """Publishes in the background: it never delays or fails a rollout."""

    def status(self, state: State) -> None: ...
    def event(self, kind: str, **data: Any) -> None: ...
    def queued(self, releases: Sequence[Release]) -> None:
        """Publishes a record for each waiting release, so that its rollout id can be looked up."""

    def keep(self, rollout: Rollout, state: State) -> None:
        """Stores the end of the rollout, so that it survives a crash. Does not publish it yet."""

    def result(self, rollout: Rollout, state: State) -> None:
        """Publishes the end of the rollout. `state` is the state after it."""

    def decided(self, release: Release, why: UpdaterError) -> None:
        """Stores and publishes that the release gets no rollout. The decision survives a crash."""

    def stopping(self, release: Release, why: UpdaterError) -> None:
        """Stores that an accepted call stops the release's rollout. The end of the rollout replaces it: see `keep`."""

    async def history(self) -> list[HistoryEntry]:
        """The history on this machine's disk, newest first."""

    async def rebuild(self, *, always: bool = False) -> None:
        """Restores the published history if it was lost, or if `always`. If this fails, a later call retries it."""

    def alarms(self, alarms: Sequence[Alarm]) -> None:
        """Publishes the current alarms. Each new alarm is also an event."""

    def traffic(self, series: TrafficSeries) -> None:
        """Publishes the answers that clients got lately."""

    def line(self, rollout: str, line: str) -> None:
        """Appends one line to that rollout's log."""
