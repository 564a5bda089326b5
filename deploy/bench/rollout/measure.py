"""Both parts of the benchmark `rollout`. Needs an engine."""

from collections.abc import Iterator

from deploy.bench.method.figures import Figure
from deploy.bench.method.servers import Missing
from deploy.bench.rollout import several, under_load
from deploy.demo.docker.engine import Say

BENCH = "rollout"


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """In every round each contender rolls one release out."""
    try:
        yield from several.measure(BENCH, rounds, say)
        yield from under_load.measure(BENCH, rounds, say)
    except Missing as missing:
        say(f"{BENCH}: skipped: {missing}")
