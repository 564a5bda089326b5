"""A small HTTP/1.1 client for the loopback interface, which costs little compared with what it measures."""

import asyncio
import contextlib
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

CONNECT_SECONDS = 5.0
PHASE_SECONDS = 120.0


class BadAnswer(Exception):
    """The answer has no status or no length, so this client cannot read it."""


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Returns the bytes of one request on a keep-alive connection."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def status_and_length(head: bytes) -> tuple[int, int]:
    """Parses the status and the body's length from an answer's head. Raises BadAnswer."""
    first, *fields = head.decode("latin-1").split("\r\n")
    lengths = [value for name, _, value in (f.partition(":") for f in fields) if name.lower() == "content-length"]
    try:
        return int(first.split(" ")[1]), int(lengths[0])
    except (IndexError, ValueError) as error:
        raise BadAnswer(first) from error


@dataclass(frozen=True)
class Connection:
    """A keep-alive connection to a server on this machine."""

    reader: StreamReader
    writer: StreamWriter

    async def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Returns status and body. Raises BadAnswer, OSError or EOFError."""
        self.writer.write(sent)
        status, length = status_and_length(await self.reader.readuntil(b"\r\n\r\n"))
        return status, await self.reader.readexactly(length)


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
