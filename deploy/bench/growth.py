"""`growth`: what calls, deliveries and the worker's decision cost with much behind them, against the smallest amount.

Needs no engine: each web process has a real Redis, filled through the ledger's own calls.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.config.release_policy import ReleasePolicy
from app.domain.history import HistoryEntry
from app.domain.release import Release, Trigger
from app.ledger import Ledger
from deploy.bench.dashboard.rollout import entry_of
from deploy.bench.method.client import connected, drive
from deploy.bench.method.figures import Figure, Rounds, percentile, turns
from deploy.bench.method.servers import WebServer, ledger_of, web_process
from deploy.bench.receiver import CONNECTIONS, delivery
from deploy.demo.docker.engine import Say
from deploy.demo.http1 import request
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.journal import FileJournal

BENCH = "growth"
SIZES = (10, 1_000, 100_000)
"""Rollouts that have ended, each of an accepted release."""

WAITING = (10, 1_000)
"""Releases that wait for an approval."""

AT_ONCE = 200
ASKED, DELIVERIES = 100, 500
CALLS = {"status": "/status", "history, 20 entries": "/update/history?limit=20"}
SERVED = {**{f"{name}: median": "ms" for name in CALLS}, "new release: throughput": "1/s", "Redis: memory": "MiB"}
DECIDED = {"decision: median": "ms", "state file: write": "ms"}
ON_DISK = {"history on disk": "KiB"}
KIB, MIB = 1024, 1024**2


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Every round asks each web process, and decides with each number of waiting releases."""
    with tempfile.TemporaryDirectory(prefix="zu-bench-") as directory:
        place = Path(directory)
        for name, results in (("served", _served(place, rounds, say)), ("decided", _decided(place, rounds, say))):
            units = SERVED if name == "served" else DECIDED
            smallest, *larger = results.values
            for contender in larger:
                yield from results.figures(BENCH, contender, smallest, units, f"{contender}: ")
        yield from _on_disk(place, rounds, say)


def _served(directory: Path, rounds: int, say: Say) -> Rounds:
    with contextlib.ExitStack() as stack:
        servers = {}
        for size in SIZES:
            place = directory / str(size)
            place.mkdir()
            servers[size] = stack.enter_context(web_process(place, say))
        return asyncio.run(_asked_in_turns(servers, rounds, say))


async def _asked_in_turns(servers: dict[int, WebServer], rounds: int, say: Say) -> Rounds:
    results, ids = Rounds(), itertools.count(10 * max(SIZES))
    async with contextlib.AsyncExitStack() as stack:
        ledgers = {size: await stack.enter_async_context(ledger_of(server)) for size, server in servers.items()}
        for size, ledger in ledgers.items():
            say(f"{BENCH}: filling a ledger with {size:,} rollouts")
            await filled(ledger, size)
        for number, turn in enumerate(turns(list(servers), rounds), 1):
            for size in turn:
                say(f"{BENCH}: round {number} of {rounds}: {size:,} rollouts")
                measured = await _calls(servers[size]) | await _deliveries(servers[size], ids)
                memory = (await ledgers[size].memory()).used / MIB
                results.add(f"{size:,} rollouts", {**measured, "Redis: memory": memory})
    return results


async def filled(ledger: Ledger, size: int) -> None:
    """Accepts and decides that many releases, as deliveries and the worker do."""
    entry, numbers = entry_of(1), iter(range(1, size + 1))
    while batch := list(itertools.islice(numbers, AT_ONCE)):
        releases = [release_of(number) for number in batch]
        await asyncio.gather(*(ledger.accept(release) for release in releases))
        await ledger.taken(releases)
        await asyncio.gather(*(ledger.record_decision(_numbered(entry, number)) for number in batch))


def release_of(number: int) -> Release:
    return Release(
        key=f"1:{number}",
        tag=f"v1.0.{number}",
        rollout_id=f"r-{number}",
        trigger=Trigger.WEBHOOK,
        accepted_at=datetime.now(UTC),
        version=f"1.0.{number}",
    )


def _numbered(entry: HistoryEntry, number: int) -> HistoryEntry:
    return replace(entry, rollout_id=f"r-{number}", tag=f"v1.0.{number}", key=f"1:{number}")


async def _calls(server: WebServer) -> dict[str, float]:
    """Asks each of CALLS over one connection. Raises RuntimeError unless the answer is 200."""
    secret, took = server.secret_path.read_text().split()[0], {}
    async with connected(server.internal) as connection:
        for name, path in CALLS.items():
            sent, times = request("GET", path, {"X-Updater-Secret": secret}), []
            for _ in range(ASKED):
                started = time.perf_counter()
                status, body = await connection.ask(sent)
                times.append(1000 * (time.perf_counter() - started))
                if status != 200:
                    raise RuntimeError(f"{path} was answered with {status}: {body.decode()}")
            took[f"{name}: median"] = percentile(times, 0.5)
    return took


async def _deliveries(server: WebServer, ids: Iterator[int]) -> dict[str, float]:
    run = await drive(server.port, [delivery(next(ids)) for _ in range(DELIVERIES)], CONNECTIONS)
    if run.statuses.keys() != {202}:
        raise RuntimeError(f"the receiver answered {dict(run.statuses)}, expected only 202")
    return {"new release: throughput": run.per_second}


def _decided(directory: Path, rounds: int, say: Say) -> Rounds:
    """Decides with waiting releases, and writes the state file that has them."""
    return asyncio.run(_decided_in_turns(directory, rounds, say))


async def _decided_in_turns(directory: Path, rounds: int, say: Say) -> Rounds:
    results, policy, journals = Rounds(), ReleasePolicy(approval=True), {}
    for size in WAITING:
        journals[size] = FileJournal(directory / f"state-{size}.json")
        journals[size].load()
        await journals[size].update(lambda s, size=size: s.accept(*map(release_of, range(1, size + 1))))  # type: ignore[misc]
    for number, turn in enumerate(turns(WAITING, rounds), 1):
        for size in turn:
            say(f"{BENCH}: round {number} of {rounds}: {size:,} releases wait")
            journal, decisions, writes = journals[size], [], []
            for _ in range(ASKED):
                started = time.perf_counter()
                policy.decide(journal.state, datetime.now(UTC))
                decided = time.perf_counter()
                await journal.update(lambda s: replace(s, epoch=s.epoch + 1))
                decisions.append(1000 * (decided - started))
                writes.append(1000 * (time.perf_counter() - decided))
            measured = (percentile(decisions, 0.5), percentile(writes, 0.5))
            results.add(f"{size:,} waiting", dict(zip(DECIDED, measured, strict=True)))
    return results


def _on_disk(directory: Path, rounds: int, say: Say) -> Iterator[Figure]:
    """Writes the history of twice as many rollouts as are kept, and of ten times as many."""
    results, entry = Rounds(), entry_of(1)
    files = {name: HistoryFile(directory / f"history-{name}.jsonl") for name in ("2,000 rollouts", "10,000 rollouts")}
    say(f"{BENCH}: the history on disk")
    for name, file in files.items():
        for number in range(int(name.split()[0].replace(",", ""))):
            file.append(_numbered(entry, number))
        size = (directory / f"history-{name}.jsonl").stat().st_size / KIB
        for _ in range(rounds):
            results.add(name, {"history on disk": size})
    small, large = files
    yield from results.figures(BENCH, large, small, ON_DISK, f"{large}: ")
