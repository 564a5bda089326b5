"""How the client parses streams. The calls are tested in tests/integration/cli."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.api.status import Status
from app.cli.api.access import Access
from app.cli.api.client import ApiClient, Event
from app.cli.errors import CannotReach


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[ApiClient]:
    """A listener that sends one of `answers`, raw, to each connection and closes it."""
    waiting = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(waiting.pop(0))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, ApiClient(Access(f"http://127.0.0.1:{port}", {"X-Updater-Secret": b"s"})) as updater:
        yield updater


def http_response(body: str, content_type: str = "text/event-stream") -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return (head + body).encode()


async def test_event_stream_is_parsed_into_events() -> None:
    body = (
        "retry: 2000\nid: 0-0\n\n"
        ": nothing new\n\n"
        'id: 1-0\ndata: {"type": "step.started", "at": "x", "data": {"step": "bake"}}\n\n'
        'id: 2-0\nevent: paused\ndata: {"reason":\ndata: "why"}\n\n'
        "data: not json\n\ndata: [1]\n\n"
    )
    async with answering(http_response(body)) as updater:
        events = [event async for event in updater.events(None)]
    assert events == [
        Event("1-0", "step.started", {"step": "bake"}),
        Event("2-0", "paused", {"reason": "why"}),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        http_response("<html>", "text/html"),
        http_response("[]", "application/json"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_foreign_server_is_an_unreachable_updater(answer: bytes) -> None:
    async with answering(answer) as updater:
        with pytest.raises(CannotReach, match="UPDATER_URL"):
            await updater.status()


async def test_lost_answer_to_a_change_is_reported() -> None:
    async with answering(b"") as updater:
        with pytest.raises(CannotReach, match="may have accepted"):
            await updater.start("/update/apply", {"tag": "v1.0.0"})


async def test_unchanged_status_is_reused() -> None:
    first = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nConnection: close\r\nContent-Length: 16\r\n\r\n{"state":"idle"}'
    second = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nConnection: close\r\n\r\n'
    async with answering(first, second) as updater:
        assert await updater.status() == await updater.status() == Status(state="idle")


async def test_malformed_answer_is_refused() -> None:
    body = b'{"state":"dancing"}'
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with answering(answer) as updater:
        with pytest.raises(CannotReach, match="an unexpected value in `state`"):
            await updater.status()
