"""The answers that clients get, as Traefik counts them."""

from collections.abc import Mapping
from typing import Protocol

from app.domain.stack import Color
from app.domain.traffic import Tally


class TrafficCounts(Protocol):
    async def tallies(self) -> Mapping[Color, Mapping[str, Tally]]:
        """Counts of both colors by routed service, since an unspecified moment in the past. Raises TrafficUnknown."""
