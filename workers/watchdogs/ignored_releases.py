"""Notifies of releases that were ignored because of their tag or their repository's name."""

from collections.abc import Sequence

from app.domain.findings import Alarm
from app.domain.notices import notice as notices
from workers.ports import Ports
from workers.watchdogs.repeat import repeat

LOOK_SECONDS = 30.0


class IgnoredReleases:
    """Looks every LOOK_SECONDS. The web process ignores them, and cannot send messages."""

    def __init__(self, ports: Ports, project: str) -> None:
        self._ports = ports
        self._project = project

    def alarms(self) -> Sequence[Alarm]:
        """None: an ignored release may be meant for another stack."""
        return []

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        await repeat(self.look, "could not look for ignored releases", every=LOOK_SECONDS, clock=self._ports.clock)

    async def look(self) -> None:
        """Notifies once of each kind of tag and of each repository. Raises LedgerUnavailable."""
        if (notifier := self._ports.notifier) is None:
            return
        await self._ports.journal.check()
        for release in reversed(await self._ports.inbox.ignored()):
            if release.surprise:
                notifier.notify(notices.ignored(self._project, release))
