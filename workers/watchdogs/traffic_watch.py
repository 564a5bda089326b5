"""Publishes how many requests each color answers, for the charts of the dashboard. It decides nothing."""

from collections.abc import Mapping, Sequence
from functools import reduce

from app.api.traffic import TrafficSample, TrafficSeries
from app.domain.errors import TrafficUnknown
from app.domain.findings import Alarm
from app.domain.stack import Color
from app.domain.traffic import Tally
from workers.control.reconcile import Reconciler
from workers.ports import Clock, Ports, TrafficCounts
from workers.watchdogs.repeat import repeat

ROLLOUT_SECONDS = 2.0
IDLE_SECONDS = 10.0
TOLERANCE_SECONDS = 0.1


class TrafficWatch:
    """Reads Traefik's counts every ROLLOUT_SECONDS during a rollout, else every IDLE_SECONDS. It raises no alarm."""

    def __init__(self, traffic: TrafficCounts, ports: Ports, reconciler: Reconciler) -> None:
        self._traffic = traffic
        self._ports = ports
        self._clock: Clock = ports.clock
        self._reconciler = reconciler
        self._series = TrafficSeries()
        self._before: tuple[float, Mapping[Color, Tally]] | None = None

    def alarms(self) -> Sequence[Alarm]:
        return ()

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        await repeat(
            self.look,
            "could not read the traffic",
            every=ROLLOUT_SECONDS,
            clock=self._clock,
            replaced=lambda: self._reconciler.replaced,
        )

    async def look(self) -> None:
        """Adds a sample, if it is time for one, and publishes the series."""
        if not self._is_due():
            return
        try:
            counted = {color: _sum(tallies) for color, tallies in (await self._traffic.tallies()).items()}
        except TrafficUnknown as error:
            self._before = None
            self._series = self._series.model_copy(update={"unknown": str(error)})
        else:
            self._add(self._clock.monotonic(), counted)
        self._ports.publisher.traffic(self._series)

    def _is_due(self) -> bool:
        if self._before is None or self._ports.journal.state.rollout is not None:
            return True
        return self._clock.monotonic() - self._before[0] >= IDLE_SECONDS - TOLERANCE_SECONDS

    def _add(self, at: float, counted: Mapping[Color, Tally]) -> None:
        before, self._before = self._before, (at, counted)
        if before is None or at <= before[0]:
            return
        came = {str(color): tally.since(before[1][color]) for color, tally in counted.items()}
        self._series = self._series.with_sample(TrafficSample.of(self._clock.now(), at - before[0], came))


def _sum(tallies: Mapping[str, Tally]) -> Tally:
    return reduce(Tally.plus, tallies.values(), Tally())
