"""Web's memory and CPU, and how long it takes for a status, with open dashboards and with none."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from app.ledger import Ledger
from deploy.bench.dashboard import pages, rollout
from deploy.bench.method.client import connected
from deploy.bench.method.figures import Figure, Rounds, percentile, turns
from deploy.bench.method.proc import cpu_ms, memory_of
from deploy.bench.method.servers import WebServer, ledger_of, web_process
from deploy.demo.docker.engine import Say
from deploy.demo.http1 import request
from deploy.demo.processes import running

BENCH = "dashboard"
BROWSERS = 20
WINDOW_SECONDS, SETTLE_SECONDS, OPEN_SECONDS = 10.0, 3.0, 60.0
ASK_SECONDS = 0.02
"""From one question for the status to the next, at least."""

OURS, NONE = f"{BROWSERS} open browsers", "no open browser"
WINDOW = f"web: CPU in {WINDOW_SECONDS:g} s"
UNITS = {"web: Rss": "MiB", "web: Pss": "MiB", WINDOW: "ms", "status: median": "ms", "status: p99": "ms"}


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Runs two web processes with the same ledger and the same rollout; only one ever has open dashboards."""
    with tempfile.TemporaryDirectory(prefix="zu-bench-") as directory, contextlib.ExitStack() as stack:
        servers = {}
        for number, name in enumerate((OURS, NONE)):
            place = Path(directory) / str(number)
            place.mkdir()
            servers[name] = stack.enter_context(web_process(place, say))
        results = asyncio.run(_measure(servers, Path(directory), rounds, say))
    yield from results.figures(BENCH, OURS, NONE, UNITS)


async def _measure(servers: dict[str, WebServer], directory: Path, rounds: int, say: Say) -> Rounds:
    results = Rounds()
    async with contextlib.AsyncExitStack() as stack:
        ledgers = {name: await stack.enter_async_context(ledger_of(server)) for name, server in servers.items()}
        say(f"{BENCH}: {rollout.ENTRIES:,} entries of history")
        for ledger in ledgers.values():
            await rollout.filled(ledger)
        for number, turn in enumerate(turns(list(servers), rounds), 1):
            for name in turn:
                say(f"{BENCH}: round {number} of {rounds}: {name}")
                log = directory / f"pages-{number}.log"
                with browsers(servers[name], BROWSERS if name == OURS else 0, log) as opened:
                    results.add(name, await _window(servers[name], ledgers[name]))
                    _still_open(opened, log)
    return results


@contextlib.contextmanager
def browsers(server: WebServer, number: int, log: Path) -> "Iterator[subprocess.Popen[bytes] | None]":
    """Opens that many dashboards. Raises RuntimeError with the end of their log if they do not open."""
    if not number:
        yield None
        return
    secret = server.secret_path.read_text().split()[0]
    env = {pages.PORT: str(server.internal), pages.SECRET: secret, pages.PAGES: str(number)}
    with running([sys.executable, "-m", pages.__name__], env, log) as process:
        deadline = time.monotonic() + OPEN_SECONDS
        while pages.OPEN not in log.read_text():
            _still_open(process, log)
            if time.monotonic() > deadline:
                raise RuntimeError(f"the pages did not open within {OPEN_SECONDS:g} s:\n{log.read_text()[-1500:]}")
            time.sleep(0.05)
        yield process


def _still_open(process: "subprocess.Popen[bytes] | None", log: Path) -> None:
    if process is not None and process.poll() is not None:
        raise RuntimeError(f"the open pages ended with {process.poll()}:\n{log.read_text()[-1500:]}")


async def _window(server: WebServer, ledger: Ledger) -> dict[str, float]:
    """Asks for the status while the rollout goes on, and measures the web process meanwhile."""
    going_on = asyncio.create_task(rollout.running(ledger))
    try:
        await asyncio.sleep(SETTLE_SECONDS)
        pid = server.process.pid
        before = cpu_ms(pid)
        took = await statuses(server, WINDOW_SECONDS)
        used, memory = cpu_ms(pid) - before, memory_of(pid)
    finally:
        going_on.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going_on
    shown = {f"web: {name}": value for name, value in memory.items()} | {WINDOW: used}
    return shown | {"status: median": percentile(took, 0.5), "status: p99": percentile(took, 0.99)}


async def statuses(server: WebServer, seconds: float) -> list[float]:
    """Asks for the whole status again and again. Returns the milliseconds of each. Raises RuntimeError unless 200."""
    secret = server.secret_path.read_text().split()[0]
    sent, took = request("GET", "/status", {"X-Updater-Secret": secret}), []
    async with connected(server.internal) as connection:
        started = time.perf_counter()
        end = started + seconds
        while started < end:
            status, body = await connection.ask(sent)
            seconds_taken = time.perf_counter() - started
            if status != 200:
                raise RuntimeError(f"the status was answered with {status}: {body.decode()}")
            took.append(1000 * seconds_taken)
            await asyncio.sleep(max(0.0, ASK_SECONDS - seconds_taken))
            started = time.perf_counter()
    return took
