"""What other programs and people read about the rollouts."""

from collections.abc import Sequence
from typing import Any, Protocol

from app.domain.errors import UpdaterError
from app.domain.findings import Alarm
from app.domain.history import HistoryEntry
from app.domain.release import Release
from app.domain.rollout import Rollout
from app.domain.state import State


class Publisher(Protocol):
    """What others read. It is told and not waited for: nothing of it delays or fails a rollout."""

    def status(self, state: State) -> None: ...
    def event(self, kind: str, **data: Any) -> None: ...
    def queued(self, releases: Sequence[Release]) -> None:
        """They wait: whoever knows the id of such a rollout finds it."""

    def keep(self, rollout: Rollout, state: State) -> None:
        """The rollout ends so, in `state`. It survives a crash from here on, and is not told yet."""

    def result(self, rollout: Rollout, state: State) -> None:
        """The rollout has ended so, in `state`."""

    def decided(self, release: Release, why: UpdaterError) -> None:
        """The release never gets a rollout. It survives a crash from here on."""

    async def decided_keys(self) -> list[str]:
        """The keys of the releases that were ever decided, as far as that is remembered; the oldest first."""

    async def history(self) -> list[HistoryEntry]:
        """The history that this machine's disk has, newest first."""

    async def rebuild(self, *, always: bool = False) -> None:
        """Writes anew what others read where it was lost, or `always`; where that cannot be done now, later."""

    def alarms(self, alarms: Sequence[Alarm]) -> None:
        """What is wrong now; a new one is an event."""

    def line(self, rollout: str, line: str) -> None:
        """Appends one line to that rollout's log."""
