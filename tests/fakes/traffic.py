"""Clients in memory, and the Traefik that counts what they are answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.domain.errors import TrafficUnknown
from app.domain.stack import Color, Stack
from app.domain.traffic import Tally
from tests.fakes.clock import FakeClock


@dataclass
class Clients:
    """`rps` requests a second on each routed service; of those that `color` answers the share `failing[color]` is 5xx.

    `away`: the page cannot be read.
    """

    stack: Stack
    clock: FakeClock
    served: Callable[[], Color | None]
    rps: float = 0.0

    def __post_init__(self) -> None:
        self.away = False
        self.failing: dict[Color, float] = {}
        self._counted: dict[Color, tuple[float, float]] = {}
        self._until = 0.0

    async def tallies(self, color: Color) -> Mapping[str, Tally]:
        """A color that is not served any more is told once more, then it begins anew."""
        if self.away:
            raise TrafficUnknown("no answer")
        self._pass()
        told = Tally(*map(int, self._counted.get(color, (0, 0))))
        for gone in [c for c in self._counted if c is not self.served()]:
            self._counted.pop(gone)
        return {s.name: told for s in self.stack.routed}

    def _pass(self) -> None:
        """All requests since the last look count for who is served now: so looks have to be many."""
        now, color = self.clock.monotonic(), self.served()
        came, self._until = (now - self._until) * self.rps, now
        if color is not None:
            requests, errors = self._counted.get(color, (0.0, 0.0))
            self._counted[color] = requests + came, errors + came * self.failing.get(color, 0.0)
