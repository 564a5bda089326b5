"""What clients are answered, as the proxy counts it."""

from collections.abc import Mapping
from typing import Protocol

from app.domain.stack import Color
from app.domain.traffic import Tally


class TrafficCounts(Protocol):
    """What clients are answered, as Traefik counts it."""

    async def tallies(self, color: Color) -> Mapping[str, Tally]:
        """By routed service, since some moment in the past. Raises TrafficUnknown."""
