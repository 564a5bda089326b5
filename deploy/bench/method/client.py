"""Sends many requests over several connections to a port of the loopback interface, and measures them."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from deploy.demo.http1 import Connection

CONNECT_SECONDS = 5.0
PHASE_SECONDS = 120.0


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    async with asyncio.timeout(CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@dataclass
class Run:
    """The results of a phase."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return len(self.latencies_ms) / self.seconds


async def drive(port: int, requests: Sequence[bytes], connections: int) -> Run:
    """Sends `requests` over that many connections, each as soon as the previous one is answered.

    Raises TimeoutError after PHASE_SECONDS.
    """
    run, todo = Run(), iter(requests)
    async with asyncio.timeout(PHASE_SECONDS), contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connected(port)) for _ in range(connections)]
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for connection in opened:
                group.create_task(_ask_all(connection, todo, run))
        run.seconds = time.perf_counter() - started
    return run


async def _ask_all(connection: Connection, todo: Iterator[bytes], run: Run) -> None:
    for sent in todo:
        started = time.perf_counter()
        status, _ = await connection.ask(sent)
        run.latencies_ms.append((time.perf_counter() - started) * 1000)
        run.statuses[status] += 1
