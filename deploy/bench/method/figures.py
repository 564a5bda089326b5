"""Computes a benchmark's figures from its rounds, without I/O."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One line of the result. `ours` and `reference` are medians over the rounds.

    `ratio` is ours / reference, computed within each round: median, minimum and maximum. None if a round's reference
    is zero.
    """

    bench: str
    figure: str
    unit: str
    ours: float
    reference: float
    reference_name: str
    ratio: float | None
    ratio_min: float | None
    ratio_max: float | None
    rounds: int


def compare(
    ours: Sequence[float], reference: Sequence[float], *, bench: str, figure: str, unit: str, reference_name: str
) -> Figure:
    """Compares two series, whose n-th values come from the n-th round."""
    pairs = list(zip(ours, reference, strict=True))
    ratios = [a / b for a, b in pairs] if all(b for _, b in pairs) else []
    return Figure(
        bench=bench,
        figure=figure,
        unit=unit,
        ours=rounded(median(ours)),
        reference=rounded(median(reference)),
        reference_name=reference_name,
        ratio=rounded(median(ratios)) if ratios else None,
        ratio_min=rounded(min(ratios)) if ratios else None,
        ratio_max=rounded(max(ratios)) if ratios else None,
        rounds=len(pairs),
    )


def rounded(value: float) -> float:
    """Rounds to four significant digits; the rest is noise."""
    return float(f"{value:.4g}")


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest of `values` that at least `share` (0 to 1) of them do not exceed: the nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def turns(contenders: Sequence[T], rounds: int) -> Iterator[list[T]]:
    """Yields the order of the contenders in each round. Each round begins with the next contender."""
    for first in range(rounds):
        start = first % len(contenders)
        yield [*itertools.islice(itertools.cycle(contenders), start, start + len(contenders))]


@dataclass
class Rounds:
    """The measurements of each contender, round by round: figure → values."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, contender: str, measured: Mapping[str, float]) -> None:
        for figure, value in measured.items():
            self.values[contender][figure].append(value)

    def figures(
        self, bench: str, ours: str, reference: str, units: Mapping[str, str], label: str = ""
    ) -> Iterator[Figure]:
        """Yields a figure for each of `units` (figure → unit) that both measured. `label` is a prefix of its name."""
        left, right = self.values[ours], self.values[reference]
        for name, unit in units.items():
            if name in left and name in right:
                figure = label + name
                yield compare(left[name], right[name], bench=bench, figure=figure, unit=unit, reference_name=reference)
