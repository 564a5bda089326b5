"""The answers that clients got lately, for charts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

from pydantic import Field

from app.api.model import ResponseModel, iso
from app.domain.traffic import Tally

SAMPLES_KEPT = 150
"""How many samples are published, at most."""


class ColorTraffic(ResponseModel):
    """The traffic of one color during a sample, over all routed services: probes of the updater are in it.

    `requests` and `errors` (5xx answers) are per second. `mean_ms`: Traefik's mean time to answer, in milliseconds;
    None if there were no requests.
    """

    requests: float = 0.0
    errors: float = 0.0
    mean_ms: float | None = None

    @classmethod
    def of(cls, came: Tally, seconds: float) -> Self:
        """`came`: what came within `seconds`."""
        return cls(
            requests=round(came.requests / seconds, 3),
            errors=round(came.errors / seconds, 3),
            mean_ms=round(1000 * came.seconds / came.requests, 2) if came.requests else None,
        )


class TrafficSample(ResponseModel):
    """The time from `seconds` before `at` until `at` (ISO 8601). `colors`: by color."""

    at: str = ""
    seconds: float = 0.0
    colors: dict[str, ColorTraffic] = Field(default_factory=dict)

    @classmethod
    def of(cls, at: datetime, seconds: float, came: Mapping[str, Tally]) -> Self:
        colors = {color: ColorTraffic.of(tally, seconds) for color, tally in came.items()}
        return cls(at=iso(at) or "", seconds=round(seconds, 3), colors=colors)


class TrafficSeries(ResponseModel):
    """The last samples, oldest first, at most SAMPLES_KEPT: every 2 s during a rollout, every 10 s otherwise.

    Empty without `traefik/metrics` in the stack file. `unknown`: why Traefik cannot be read now; None if it can.
    """

    samples: tuple[TrafficSample, ...] = ()
    unknown: str | None = None

    def with_sample(self, sample: TrafficSample) -> Self:
        kept: Sequence[TrafficSample] = (*self.samples, sample)[-SAMPLES_KEPT:]
        return self.model_copy(update={"samples": tuple(kept), "unknown": None})
