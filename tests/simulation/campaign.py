"""Plays many schedules, on all cores, and counts what happened in them."""

import contextlib
import gc
import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.simulation.draw import draw
from tests.simulation.player import Violation, play

CHUNK = 50
"""Seeds that one process plays at once."""

COLLECTION = (50_000, 20, 20)
"""Thresholds of Python's garbage collector. A play leaves little garbage in cycles, but creates many objects: with the
usual thresholds, the collector takes about 7 % of the time."""


@dataclass
class Tally:
    """`found` maps the seed of each schedule that violated something to what it violated."""

    played: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    found: dict[int, Violation] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        self.played += other.played
        self.seconds += other.seconds
        self.counts += other.counts
        self.found |= other.found

    def sum_of(self, prefix: str) -> int:
        return sum(number for name, number in self.counts.items() if name.startswith(prefix))


def play_seeds(seeds: Sequence[int]) -> Tally:
    with _collected_rarely():
        return _play_seeds(seeds)


@contextlib.contextmanager
def _collected_rarely() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTION)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _play_seeds(seeds: Sequence[int]) -> Tally:
    tally = Tally()
    for seed in seeds:
        played = play(draw(seed))
        tally.played += 1
        tally.seconds += played.seconds
        tally.counts += played.counts
        if played.violation is not None:
            tally.found[seed] = played.violation
    return tally


def campaign(seeds: Sequence[int], jobs: int = 0) -> Iterator[Tally]:
    """Plays the seeds on `jobs` processes (0: one for each core). Yields the tally of each chunk."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    jobs = min(jobs or os.cpu_count() or 1, len(chunks))
    if jobs <= 1:
        yield from map(play_seeds, chunks)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(play_seeds, chunks)
