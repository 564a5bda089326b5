"""One slot: a process that reads row numbers from standard input and plays the rows in its own environments.

It writes each row's progress and result to standard output, one line each.
Run it as `python -m tests.faults.slot` with the orders as JSON; see slots.py.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from deploy.demo.distribution.packages import which
from deploy.demo.docker.dockerd import connected, own_dockerd
from deploy.demo.docker.engine import Engine, exit_on_sigterm
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.docker.projects import image_tags
from deploy.demo.processes import ROOT
from tests.faults.environments import Environments
from tests.faults.rows import ROWS

HOME = ROOT / ".cache" / "engine-that-ends"
SAVE_SECONDS = 300


@dataclass(frozen=True)
class Orders:
    """`host`: the engine that has the images; `own`: start a second engine, which the rows may end."""

    host: str
    own: bool
    repeat: int
    slow: float
    patience: float = 1.0

    def words(self) -> str:
        return json.dumps(asdict(self))


def play(orders: Orders, numbers: TextIO, results: TextIO) -> None:
    """Plays rows until there are no more numbers."""
    with _environments(orders) as environments:
        for line in numbers:
            result = environments.play(ROWS[int(line)], orders.repeat, lambda text: _send(results, {"progress": text}))
            _send(results, {"result": asdict(result), "last_words": environments.last_words})


def _send(results: TextIO, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=results, flush=True)


@contextlib.contextmanager
def _environments(orders: Orders) -> Iterator[Environments]:
    with contextlib.ExitStack() as stack:
        engine, daemon = Engine(orders.host, owned=False), None
        if orders.own:
            subprocess.run([which("ip") or "ip", "link", "set", "lo", "up"], check=True, timeout=60)
            daemon = stack.enter_context(own_dockerd(HOME, _say))
            _carry_images(orders.host, daemon.host)
            engine = Engine(daemon.host, owned=True)
        yield stack.enter_context(Environments(engine, daemon, slow_seconds=orders.slow, patience=orders.patience))


def _carry_images(source: str, target: str) -> None:
    """Copies the images between engines: the second engine has no network."""
    names = [ensure_base(source, _say), ensure_traefik(source, _say)]
    with connected(source, SAVE_SECONDS) as giver, connected(target, SAVE_SECONDS) as taker:
        have = set(image_tags(taker))
        for name in (n for n in names if n not in have):
            taker.images.load(b"".join(giver.images.get(name).save(named=name)))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Sends only messages to the original standard output; all other output goes to the slot's log."""
    exit_on_sigterm()
    with os.fdopen(os.dup(1), "w") as results:
        os.dup2(2, 1)
        play(Orders(**json.loads(sys.argv[1])), sys.stdin, results)


if __name__ == "__main__":
    main()
