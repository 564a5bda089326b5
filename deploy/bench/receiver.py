"""`receiver`: signed deliveries to the real web process, against two receivers that record nothing."""

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.method.client import Run, drive
from deploy.bench.method.figures import Figure, Rounds, percentile, turns
from deploy.bench.method.servers import (
    HOOK_PATH,
    Missing,
    adnanh_webhook,
    bare_receiver,
    web_process,
)
from deploy.demo.docker.engine import Say
from deploy.demo.environment import WEBHOOK_SECRET
from deploy.demo.github.delivery import release_event, signed_headers
from deploy.demo.http1 import request
from deploy.demo.listening import Server

BENCH = "receiver"
REQUESTS, CONNECTIONS = 1_000, 16
"""For each kind in each round: new releases, duplicates of a recorded one, and deliveries of another secret."""

WARM_UP_REQUESTS = 200
OTHER_SECRET = f"not {WEBHOOK_SECRET}"
OURS, BARE, WEBHOOK = "ours", "bare Starlette on Hypercorn, HMAC only", "adnanh/webhook, HMAC and /bin/true"
NEW, KNOWN, REJECTED = "new release", "duplicate", "wrong signature"
UNITS = {
    f"{kind}: {what}": unit
    for kind in (NEW, KNOWN, REJECTED)
    for what, unit in (("throughput", "1/s"), ("median", "ms"), ("p99", "ms"))
}


@dataclass(frozen=True)
class Receiver:
    """A contender: its server, and its status for each kind of delivery."""

    name: str
    server: Server
    new: int = 200
    known: int = 200
    rejected: int = 401


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Sends every kind of delivery to every receiver, round by round."""
    with tempfile.TemporaryDirectory(prefix="zu-bench-") as directory, contextlib.ExitStack() as stack:
        receivers = _start(Path(directory), stack, say)
        results = asyncio.run(_measure(receivers, rounds, say))
    for reference in receivers[1:]:
        yield from results.figures(BENCH, OURS, reference.name, UNITS)


def _start(directory: Path, stack: contextlib.ExitStack, say: Say) -> list[Receiver]:
    receivers = [
        Receiver(OURS, stack.enter_context(web_process(directory, say)), new=202),
        Receiver(BARE, stack.enter_context(bare_receiver(directory))),
    ]
    try:
        receivers.append(Receiver(WEBHOOK, stack.enter_context(adnanh_webhook(directory, say)), rejected=500))
    except Missing as missing:
        say(f"{BENCH}: skipped the reference {WEBHOOK}: {missing}")
    return receivers


async def _measure(receivers: list[Receiver], rounds: int, say: Say) -> Rounds:
    ids, results = itertools.count(1), Rounds()
    known, rejected = delivery(next(ids)), delivery(next(ids), OTHER_SECRET)
    for receiver in receivers:
        await _phase(receiver, [known], receiver.new)
        await _phase(receiver, [known] * WARM_UP_REQUESTS, receiver.known)
    for number, turn in enumerate(turns(receivers, rounds), 1):
        for receiver in turn:
            say(f"{BENCH}: round {number} of {rounds}: {receiver.name}")
            fresh = [delivery(next(ids)) for _ in range(REQUESTS)]
            results.add(receiver.name, figures_of(NEW, await _phase(receiver, fresh, receiver.new)))
            results.add(receiver.name, figures_of(KNOWN, await _phase(receiver, [known] * REQUESTS, receiver.known)))
            refused = await _phase(receiver, [rejected] * REQUESTS, receiver.rejected)
            results.add(receiver.name, figures_of(REJECTED, refused))
    return results


def delivery(release_id: int, secret: str = WEBHOOK_SECRET) -> bytes:
    """Returns the request of a release event that is signed with `secret`."""
    body = release_event(f"v1.0.{release_id}", release_id)
    return request("POST", HOOK_PATH, signed_headers(body, secret), body)


def figures_of(kind: str, run: Run) -> dict[str, float]:
    """Returns the figures of one phase."""
    return {
        f"{kind}: throughput": run.per_second,
        f"{kind}: median": percentile(run.latencies_ms, 0.5),
        f"{kind}: p99": percentile(run.latencies_ms, 0.99),
    }


async def _phase(receiver: Receiver, requests: list[bytes], expected: int) -> Run:
    run = await drive(receiver.server.port, requests, min(CONNECTIONS, len(requests)))
    if run.statuses.keys() != {expected}:
        raise RuntimeError(f"{receiver.name} answered {dict(run.statuses)}, expected only {expected}")
    return run
