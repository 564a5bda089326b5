"""Clients in memory, and a Traefik that counts their answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.domain.errors import TrafficUnknown
from app.domain.stack import Color, Stack
from app.domain.traffic import Tally
from tests.fakes.clock import FakeClock


@dataclass
class Clients:
    """Sends `rps` requests a second to each routed service; the share `failing[color]` of a color's answers is 5xx.

    `away`: the metrics page cannot be read.
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

    async def tallies(self) -> Mapping[Color, Mapping[str, Tally]]:
        """Returns the counts. The first call after traffic has left a color resets that color's to zero."""
        if self.away:
            raise TrafficUnknown("no answer")
        self._pass()
        tallies = {color: Tally(*map(int, self._counted.get(color, (0, 0)))) for color in Color}
        for gone in [c for c in self._counted if c is not self.served()]:
            self._counted.pop(gone)
        return {color: {s.name: tally for s in self.stack.routed} for color, tally in tallies.items()}

    def _pass(self) -> None:
        """Counts all requests since the last call for the color that serves now, so calls have to be frequent."""
        now, color = self.clock.monotonic(), self.served()
        requested, self._until = (now - self._until) * self.rps, now
        if color is not None:
            requests, errors = self._counted.get(color, (0.0, 0.0))
            self._counted[color] = requests + requested, errors + requested * self.failing.get(color, 0.0)
