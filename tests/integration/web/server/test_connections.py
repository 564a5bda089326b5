"""Connections to the real web process that a correct client would not make: none stays open."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app.auth.callers import SharedSecret
from app.ledger import Ledger
from app.web.calls.streams import HEARTBEAT_SECONDS
from app.web.server.connection import CLOSE_SECONDS, WRITE_SECONDS
from app.web.server.connections import MOST_CONNECTIONS
from app.web.server.serve import listener
from deploy.demo.clients import plain_client
from tests.integration.waiting import until
from tests.integration.web.deliveries import KeptConnection, head
from tests.integration.web.server.process import WebProcess, web_process
from tests.integration.web.server.sockets import (
    ESTABLISHED,
    HTTP2_PREFACE,
    MANY_REQUESTS,
    connected,
    never_reading,
    none_open,
    states,
    still_open,
)

pytestmark = pytest.mark.redis

UPGRADE = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
IDLE_SECONDS = listener("127.0.0.1:0").keep_alive_timeout
LATE = 60.0
ROLLOUT, LINES = "r-1", ["x" * 4_000] * 250


@pytest.fixture
def process(redis_url: str, namespace: str, tmp_path: Path) -> Iterator[WebProcess]:
    with web_process(redis_url, namespace, tmp_path) as running:
        yield running


def secret(process: WebProcess) -> str:
    return SharedSecret(process.log.parent / "secret").keys()[0].decode()


async def is_healthy(process: WebProcess) -> bool:
    async with plain_client(base_url=process.internal) as client:
        return (await client.get("/health")).status_code == httpx.codes.OK


async def answered(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The status line and the body of the next answer."""
    whole = await reader.readuntil(b"\r\n\r\n")
    length = int(whole.lower().partition(b"content-length:")[2].split()[0])
    return whole.partition(b"\r\n")[0], await reader.readexactly(length)


async def test_http2_preface_gets_an_http1_refusal(process: WebProcess) -> None:
    for url in (process.public, process.internal):
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(HTTP2_PREFACE)
        async with asyncio.timeout(LATE):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 505 ")
        assert b"connection: close" in answer.lower()
        await none_open(url, LATE)
    assert await is_healthy(process)


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
async def test_upgrade_is_ignored_and_http1_continues(process: WebProcess, protocol: str) -> None:
    upgrade = [(name, protocol if name == "Upgrade" else value) for name, value in UPGRADE]
    for url, status in ((process.public, b"404"), (process.internal, b"200")):
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        async with asyncio.timeout(LATE):
            for _ in range(2):
                writer.write(head(upgrade, "GET /health HTTP/1.1"))
                line, body = await answered(reader)
                assert line.startswith(b"HTTP/1.1 " + status)
                assert json.loads(body)
        writer.close()


@pytest.mark.parametrize("half_closed", [False, True], ids=["open", "half closed"])
async def test_clients_that_never_read_are_ended(process: WebProcess, ledger: Ledger, half_closed: bool) -> None:
    """And a stream that is read stays open: it may be silent for longer than a write may take."""
    await ledger.append_log(ROLLOUT, LINES)
    proof = [("X-Updater-Secret", secret(process))]
    log = head(proof, f"GET /update/rollouts/{ROLLOUT}/log?follow=1 HTTP/1.1")
    unread = ((process.public, MANY_REQUESTS), (process.internal, log))
    async with plain_client(base_url=process.internal, headers=dict(proof), timeout=60) as http:
        with ExitStack() as clients:
            for url, sent in unread:
                for _ in range(10):
                    client = clients.enter_context(never_reading(url, sent))
                    if half_closed:
                        client.shutdown(socket.SHUT_WR)
            async with http.stream("GET", "/update/events") as events:
                lines = events.aiter_lines()
                limit = 2 * WRITE_SECONDS + CLOSE_SECONDS + LATE
                await until(lambda: (still_open(process.public), still_open(process.internal)) == (0, 1), limit)
                async with asyncio.timeout(HEARTBEAT_SECONDS + LATE):
                    while not (await anext(lines)).startswith(":"):
                        pass
    assert {line["level"] for line in process.lines()} == {"info"}


@pytest.mark.parametrize("size", [1, 100_000])
async def test_unread_body_leaves_no_connection(process: WebProcess, size: int) -> None:
    """The application answers without reading a body that Hypercorn's queue cannot take."""
    chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
    request = head([("Transfer-Encoding", "chunked")], "POST /x HTTP/1.1") + chunk * 40
    for url in (process.public, process.internal):
        with connected(url) as client:
            client.settimeout(LATE)
            try:
                client.sendall(request)
                client.recv(65_536)
            except OSError:  # the server has closed the connection before it had the whole body
                pass
        await none_open(url, CLOSE_SECONDS + LATE)


async def test_connections_are_limited_and_deliveries_arrive(process: WebProcess) -> None:
    with ExitStack() as clients, KeptConnection(process.public) as github:
        for _ in range(MOST_CONNECTIONS + 40):
            clients.enter_context(connected(process.public))
        assert (await github.deliver(b"{}", event="ping"))[0] == 200
        # The kernel lists a connection for a moment after the process has closed it.
        await until(lambda: states(process.public)[ESTABLISHED] <= MOST_CONNECTIONS)


async def test_open_request_outlives_a_flood_of_connections(process: WebProcess) -> None:
    proof = {"X-Updater-Secret": secret(process)}
    async with (
        plain_client(base_url=process.internal, headers=proof, timeout=60) as http,
        http.stream("GET", "/update/events") as events,
    ):
        lines = events.aiter_lines()
        assert (await anext(lines)).startswith("retry:")
        with ExitStack() as clients:
            for _ in range(MOST_CONNECTIONS + 40):
                clients.enter_context(connected(process.internal))
            assert await is_healthy(process)
        async with asyncio.timeout(HEARTBEAT_SECONDS + LATE):
            while not (await anext(lines)).startswith(":"):
                pass


async def test_idle_connections_close(process: WebProcess) -> None:
    whole = head([], "GET /health HTTP/1.1")
    with ExitStack() as clients:
        for url in (process.public, process.internal):
            for sent in (b"", whole[:-1], whole):
                clients.enter_context(connected(url)).sendall(sent)
        for url in (process.public, process.internal):
            await none_open(url, IDLE_SECONDS + LATE)


async def test_clients_that_leave_stay_in_no_close_wait(process: WebProcess) -> None:
    """Row by row: without a request, in its head, in its body, and after its answer."""
    body = head([("Content-Length", "100"), ("Content-Type", "application/json")], "POST /webhooks/github HTTP/1.1")
    for sent in (b"", b"GET / HT", body, body + b"x", head([], "GET /health HTTP/1.1")):
        for url in (process.public, process.internal):
            with connected(url) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                await none_open(url, LATE)
