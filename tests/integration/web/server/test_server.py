"""The HTTP server with small applications on real sockets."""

import asyncio
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from app.web.server.connection import PIECE_BYTES, WRITE_SECONDS
from app.web.server.serve import listener, serve
from tests.integration.redis.loops import HurriedLoop
from tests.integration.web.deliveries import head

GET = head([], "GET / HTTP/1.1")
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 s."""

PIECES = 64
LIMIT = 120 * WRITE_SECONDS
"""For a test whose time runs faster: a minute."""

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def hurried(test: Callable[[], Awaitable[Any]]) -> None:
    """Runs `test` in a loop whose time runs faster."""

    async def run() -> None:
        await test()

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(run())


@asynccontextmanager
async def serving(app: ASGIApp, **options: int) -> AsyncIterator[int]:
    """The port at which `app` is served."""
    sock = socket.create_server(("127.0.0.1", 0))
    port: int = sock.getsockname()[1]
    closing = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(app, listener(f"fd://{sock.detach()}"), closing, **options))
        try:
            yield port
        finally:
            closing.set()


async def ask(port: int, sent: bytes = GET) -> Client:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4_096)
    writer.write(sent)
    return reader, writer


class Pieces:
    """An answer of PIECES pieces in one message. `ended` is set when the application has ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await PlainTextResponse(b"x" * PIECE_BYTES * PIECES)(scope, receive, send)
        finally:
            self.ended.set()


async def read_at(seconds: float, client: Client) -> int:
    """Reads an answer to its end, one piece every `seconds`; returns its length."""
    reader, writer = client
    length = 0
    while part := await reader.read(PIECE_BYTES):
        length += len(part)
        if length % PIECE_BYTES < len(part):
            await asyncio.sleep(seconds)
    writer.close()
    return length


async def test_slow_reader_gets_the_whole_answer() -> None:
    """The limit is for each piece: the whole answer may take longer."""
    async with serving(Pieces()) as port:
        began = time.monotonic()
        client = await ask(port, head([("Connection", "close")], "GET / HTTP/1.1"))
        assert await read_at(1.2 * WRITE_SECONDS / PIECES, client) > PIECE_BYTES * PIECES
        assert time.monotonic() - began > WRITE_SECONDS


def test_client_that_reads_single_bytes_is_ended() -> None:
    async def test() -> None:
        app = Pieces()
        async with serving(app) as port:
            reader, writer = await ask(port)
            with capture_logs() as lines:
                async with asyncio.timeout(LIMIT):
                    while not app.ended.is_set():
                        with suppress(ConnectionError):
                            await reader.read(1)
                        await asyncio.sleep(0.2)
            assert [line["event"] for line in lines] == ["a client does not read its answer: its connection is closed"]
            writer.close()

    hurried(test)


async def test_log_behind_a_pager_is_printed_as_a_whole() -> None:
    """`updater logs | less`: nobody reads the output for longer than the server waits."""
    log = (b"x" * 199 + b"\n") * 80_000
    async with serving(PlainTextResponse(log)) as port:
        environ = {**os.environ, "UPDATER_URL": f"http://127.0.0.1:{port}", "UPDATER_TOKEN": "any"}
        command = (sys.executable, "-m", "app.cli", "logs", "r-1")
        updater = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=environ)
        assert updater.stdout
        begin = await updater.stdout.readline()
        await asyncio.sleep(2 * WRITE_SECONDS)
        assert begin + await updater.stdout.read() == log
        assert await updater.wait() == 0


def test_disconnect_reaches_a_silent_stream() -> None:
    """A stream that waits for its next event ends when its client leaves, also if the client sent a body."""

    async def test() -> None:
        ended = asyncio.Event()

        async def silent() -> AsyncIterator[bytes]:
            try:
                yield b"retry: 1\n\n"
                await asyncio.Event().wait()
            finally:
                ended.set()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await StreamingResponse(silent())(scope, receive, send)

        chunks = b"1\r\nx\r\n" * 50
        for sent in (GET, head([("Transfer-Encoding", "chunked")], "GET / HTTP/1.1") + chunks):
            ended.clear()
            async with serving(app) as port:
                reader, writer = await ask(port, sent)
                await reader.readuntil(b"retry")
                writer.close()
                async with asyncio.timeout(LIMIT):
                    await ended.wait()

    hurried(test)


def test_new_connection_is_refused_if_all_have_a_request() -> None:
    async def test() -> None:
        answer, asked = asyncio.Event(), asyncio.Semaphore(0)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            asked.release()
            await answer.wait()
            await PlainTextResponse("ok")(scope, receive, send)

        async with serving(app, most=2) as port:
            clients = [await ask(port) for _ in range(2)]
            for _ in clients:
                await asked.acquire()
            with capture_logs() as lines:
                for _ in range(3):
                    refused, writer = await ask(port)
                    assert await _rest(refused) == b""
                    writer.close()
            assert [line["log_level"] for line in lines] == ["warning"]
            answer.set()
            for reader, writer in clients:
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
                writer.close()

    hurried(test)


def test_client_that_does_not_read_gives_way() -> None:
    async def test() -> None:
        app = Pieces()
        async with serving(app, most=2) as port:
            slow = [await ask(port) for _ in range(2)]
            for reader, _ in slow:
                await reader.readline()
            async with asyncio.timeout(LIMIT):
                assert await read_at(0, await ask(port, head([("Connection", "close")], "GET / HTTP/1.1")))
                await app.ended.wait()
            for _, writer in slow:
                writer.close()

    hurried(test)


def test_background_task_runs_although_the_client_left() -> None:
    """The nudge of an accepted release is such a task."""

    async def test() -> None:
        ran = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await Request(scope, receive).body()
            await PlainTextResponse("ok")(scope, receive, send)
            await asyncio.sleep(1)
            ran.set()

        async with serving(app) as port:
            _, writer = await ask(port, head([("Connection", "close"), ("Content-Length", "1")]) + b"x")
            await writer.drain()
            writer.transport.abort()
            async with asyncio.timeout(LIMIT):
                await ran.wait()

    hurried(test)


def test_client_that_leaves_in_its_body_is_forgotten() -> None:
    """It sends as much of a body as Hypercorn keeps, and is gone before the answer. `GET /health` reads no body."""

    async def test() -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(1)
            await PlainTextResponse("ok")(scope, receive, send)

        with capture_logs() as lines:
            async with serving(app) as port:
                for chunks in range(8, 14):
                    sent = head([("Transfer-Encoding", "chunked")], "GET /health HTTP/1.1") + b"1\r\nx\r\n" * chunks
                    _, writer = await ask(port, sent)
                    await writer.drain()
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    writer.transport.abort()
                for _ in range(40):  # one by one: a stall of the machine would be the end of a long sleep
                    await asyncio.sleep(1)
        assert [line["event"] for line in lines] == []  # no connection was left to be ended

    hurried(test)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
