"""Takes in withdrawals whose nudge was lost, and raises the alarm that the live release was withdrawn."""

from collections.abc import Sequence

from app.domain.acceptance.withdrawn import live_alarm
from app.domain.findings import Alarm
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.watchdogs.repeat import repeat

LOOK_SECONDS = 15.0


class WithdrawnReleases:
    """Looks every LOOK_SECONDS."""

    def __init__(self, ports: Ports, reconciler: Reconciler) -> None:
        self._ports = ports
        self._reconciler = reconciler

    def alarms(self) -> Sequence[Alarm]:
        """The alarm that the release with the traffic was withdrawn."""
        alarm = live_alarm(self._ports.journal.state)
        return [alarm] if alarm else []

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        await repeat(self.look, "could not look for withdrawn releases", every=LOOK_SECONDS, clock=self._ports.clock)

    async def look(self) -> None:
        await self._ports.journal.check()
        await self._reconciler.take_in()
