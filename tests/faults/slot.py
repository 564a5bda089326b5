"""One slot: a process that plays the rows whose numbers come on its standard input, in environments of its own.

How far a row has come, and its result, go to standard output, a line each.
`python -m tests.faults.slot` with the orders as JSON; see slots.py.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from deploy.demo.dockerd import connected, own_dockerd
from deploy.demo.engine import Engine, exit_on_sigterm
from deploy.demo.images import ensure_base, ensure_traefik
from deploy.demo.packages import which
from deploy.demo.processes import ROOT
from deploy.demo.projects import image_tags
from tests.faults.environments import Environments
from tests.faults.rows import ROWS

HOME = ROOT / ".cache" / "engine-that-ends"
SAVE_SECONDS = 300


@dataclass(frozen=True)
class Orders:
    """`host`: the engine that has the images; `own`: an engine that may be ended is started beside it."""

    host: str
    own: bool
    repeat: int
    slow: float
    patience: float = 1.0

    def words(self) -> str:
        return json.dumps(asdict(self))


def play(orders: Orders, numbers: TextIO, results: TextIO) -> None:
    """Until there are no more numbers."""
    with _environments(orders) as environments:
        for line in numbers:
            result = environments.play(ROWS[int(line)], orders.repeat, lambda said: _send(results, {"progress": said}))
            _send(results, {"result": asdict(result), "last_words": environments.last_words})


def _send(results: TextIO, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=results, flush=True)


@contextlib.contextmanager
def _environments(orders: Orders) -> Iterator[Environments]:
    with contextlib.ExitStack() as stack:
        engine, daemon = Engine(orders.host, owned=False), None
        if orders.own:
            subprocess.run([which("ip") or "ip", "link", "set", "lo", "up"], check=True, timeout=10)
            daemon = stack.enter_context(own_dockerd(HOME, _say))
            _carry_images(orders.host, daemon.host)
            engine = Engine(daemon.host, owned=True)
        yield stack.enter_context(Environments(engine, daemon, slow_seconds=orders.slow, patience=orders.patience))


def _carry_images(source: str, target: str) -> None:
    """From one engine to the other: where the second is, there is no network."""
    names = [ensure_base(source, _say), ensure_traefik(source, _say)]
    with connected(source, SAVE_SECONDS) as giver, connected(target, SAVE_SECONDS) as taker:
        have = set(image_tags(taker))
        for name in (n for n in names if n not in have):
            taker.images.load(b"".join(giver.images.get(name).save(named=name)))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Only results go to what was standard output: whatever else is printed is for the slot's log."""
    exit_on_sigterm()
    with os.fdopen(os.dup(1), "w") as results:
        os.dup2(2, 1)
        play(Orders(**json.loads(sys.argv[1])), sys.stdin, results)


if __name__ == "__main__":
    main()
