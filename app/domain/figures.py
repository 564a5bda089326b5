"""What a rollout did to clients, in figures, and how long its steps usually take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from app.domain.rollout import Rollout, StepRecord
from app.domain.step import BAKE, ROUTE_SWITCH, StepKind


@dataclass(frozen=True)
class Figures:
    """`flip_ms`: from the rename until each route was confirmed on the new color.

    `requests`, `failed_requests`: clients' requests to the new color through the bake, and those with a 5xx answer.
    `gap_seconds`: the longest time in which a singleton did not run. None: not measured, or it did not come to that.
    """

    flip_ms: float | None = None
    requests: int | None = None
    failed_requests: int | None = None
    gap_seconds: float | None = None


def figures_of(rollout: Rollout) -> Figures:
    """The figures in the evidence of `rollout`, which has ended."""
    traffic = [counts for counts in _values(rollout.evidence(BAKE).get("traffic")) if isinstance(counts, Mapping)]
    return Figures(
        flip_ms=rollout.evidence(ROUTE_SWITCH).get("flip_ms"),
        requests=_sum(traffic, "requests"),
        failed_requests=_sum(traffic, "errors"),
        gap_seconds=max(_gaps(rollout.steps), default=None),
    )


def usual_seconds(rollouts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median seconds of each step, by name, over `rollouts`: the seconds of each step in a successful rollout."""
    names = dict.fromkeys(name for steps in rollouts for name in steps)
    return {name: round(median(steps[name] for steps in rollouts if name in steps), 3) for name in names}


def _gaps(steps: Iterable[StepRecord]) -> list[float]:
    handed_over = (s.evidence.get("gap_seconds") for s in steps if s.id.kind is StepKind.RESTART)
    return [gap for gap in handed_over if gap is not None]


def _values(traffic: Any) -> Iterable[Any]:
    return traffic.values() if isinstance(traffic, Mapping) else ()


def _sum(counts: Sequence[Mapping[str, Any]], name: str) -> int | None:
    return sum(int(each.get(name) or 0) for each in counts) if counts else None
