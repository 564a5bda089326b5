import asyncio
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from deploy.bench.method.client import connected, drive
from deploy.demo.http1 import Connection, request


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[int, list[int]]]:
    """A port that echoes every body, and the number of requests of each connection."""
    served: list[int] = []

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        number = len(served)
        served.append(0)
        with suppress(EOFError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
                served[number] += 1
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], served


async def test_connection_is_reused() -> None:
    async with echoing() as (port, served), connected(port) as connection:
        assert [await post(connection, text) for text in (b"one", b"two")] == [(200, b"one"), (200, b"two")]
        assert served == [2]


async def post(connection: Connection, body: bytes) -> tuple[int, bytes]:
    return await connection.ask(request("POST", "/", {}, body))


async def test_each_request_is_sent_once() -> None:
    async with echoing() as (port, served):
        run = await drive(port, [request("POST", "/", {}, b"body")] * 100, 4)
    assert run.statuses == Counter({200: 100})
    assert len(run.latencies_ms) == sum(served) == 100
    assert len(served) == 4
    assert run.per_second == 100 / run.seconds


async def test_unreachable_server_fails_the_phase() -> None:
    async with echoing() as (gone, _):
        pass
    with pytest.raises(ConnectionError):
        await drive(gone, [request("GET", "/", {})], 1)
