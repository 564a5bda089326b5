"""The probe on real sockets: it ends in time, reads little, follows no redirect, and speaks HTTP/2 if asked to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from app.domain.long_lines import cuts, shortened
from app.domain.routing.probe_request import ProbeRequest
from workers.adapters.http_probe import LOCATION_LENGTH, MOST_BODY, HttpProbe

TIMEOUT, PATIENT = 0.5, 60.0
"""Seconds: for an answer that never ends, and for one that a busy machine gives."""

Handle = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(handle: Handle) -> AsyncIterator[str]:
    """A server that answers each request with `handle`. Yields its URL."""

    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            connections.add(task)
        try:
            await handle((await reader.readuntil(b"\r\n\r\n")).decode(), writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@pytest.fixture
async def probe() -> AsyncIterator[HttpProbe]:
    probe = HttpProbe("X-Updater-Rollout", PATIENT)
    yield probe
    await probe.aclose()


async def test_dripping_body_ends_with_the_time_limit() -> None:
    async def drip(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(TIMEOUT / 5)

    async with answering(drip) as url, contextlib.aclosing(HttpProbe("X-Updater-Rollout", TIMEOUT)) as probe:
        answer = await probe.ask(ProbeRequest(url))
    assert (answer.ok, answer.error) == (False, "no complete answer within 0.5 s")


async def test_endless_body_is_read_only_at_its_start(probe: HttpProbe) -> None:
    written = 0

    async def flood(_: str, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nX-Updater-Rollout: r-1\r\n\r\n")
        while not writer.is_closing():
            writer.write(bytes(MOST_BODY))
            written += MOST_BODY
            await writer.drain()

    async with answering(flood) as url:
        answer = await probe.ask(ProbeRequest(url))
    assert (answer.ok, answer.rollout) == (True, "r-1")
    assert written < 512 * MOST_BODY, "what was written is bounded by the buffers of the connection"


async def test_body_that_breaks_off_is_no_answer(probe: HttpProbe) -> None:
    async def break_off(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")

    async with answering(break_off) as url:
        answer = await probe.ask(ProbeRequest(url))
    assert (answer.status, str(answer)) == (0, "no answer (RemoteProtocolError)")


async def test_redirect_is_reported_and_not_followed(probe: HttpProbe) -> None:
    async def redirect(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 301 Moved\r\nLocation: https://shop.example.org/\r\nContent-Length: 0\r\n\r\n")

    async with answering(redirect) as url:
        answer = await probe.ask(ProbeRequest(url))
    assert (answer.ok, str(answer)) == (False, "HTTP 301 to https://shop.example.org/")


async def test_host_and_headers_are_sent(probe: HttpProbe) -> None:
    async def strict(head: str, writer: asyncio.StreamWriter) -> None:
        lines = [line.lower() for line in head.splitlines()]
        known = "host: shop.example.org" in lines and "x-forwarded-proto: https" in lines
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (200 if known else 400))

    async with answering(strict) as url:
        asked = ProbeRequest(url, host="shop.example.org", headers={"X-Forwarded-Proto": "https"})
        assert (await probe.ask(asked)).ok
        assert (await probe.ask(ProbeRequest(url))).status == 400


async def test_status_counts_only_with_a_rollout_id_if_it_must(probe: HttpProbe) -> None:
    async def refuse(head: str, writer: asyncio.StreamWriter) -> None:
        header = b"X-Updater-Rollout: r-1\r\n" if "/routed" in head else b""
        writer.write(b"HTTP/1.1 401 No\r\n%bContent-Length: 0\r\n\r\n" % header)

    async with answering(refuse) as url:
        for path, ok in (("routed", True), ("other", False)):
            assert (await probe.ask(ProbeRequest(url + path, routed=frozenset({401})))).ok is ok


async def test_answer_of_another_route_carries_no_rollout_id(probe: HttpProbe) -> None:
    async def second(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Updater-Rollout: r-1\r\nX-Updater-Rollout-Route: web.2\r\n\r\n")

    async with answering(second) as url:
        asked = [ProbeRequest(url, route=route) for route in ("web.1", "web.2", None)]
        assert [(await probe.ask(each)).rollout for each in asked] == [None, "r-1", "r-1"]


async def test_route_of_another_stack_proves_nothing(probe: HttpProbe) -> None:
    """Until the route file is rewritten, the answers name the route as the version before did."""
    said = "web.1"

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nX-Updater-Rollout: r-1\r\nX-Updater-Rollout-Route: {said}\r\n"
        writer.write(f"{head}Content-Length: 0\r\n\r\n".encode())

    async with answering(answer) as url:
        seen = []
        for said in ("web.1", "mail.web.1", "shop.web.2", "shop.web.1", "web.1", "shop.web.1"):
            asked = ProbeRequest(url, route="shop.web.1", route_before="web.1")
            seen.append((said, (await probe.ask(asked)).rollout))
    assert seen == [
        ("web.1", "r-1"),
        ("mail.web.1", None),
        ("shop.web.2", None),
        ("shop.web.1", "r-1"),
        ("web.1", None),
        ("shop.web.1", "r-1"),
    ]


async def test_name_that_tls_refuses_is_no_answer(probe: HttpProbe) -> None:
    answer = await probe.ask(ProbeRequest("https://127.0.0.1:1/", host="a..b"))
    assert (answer.status, str(answer).startswith("no answer (")) == (0, True)


async def test_long_location_is_cut_with_a_note(probe: HttpProbe) -> None:
    """By the note the redactor recognizes the beginning of a secret at the end."""
    location = "https://login.example/?state=" + "x" * 1000

    async def redirect(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()

    async with answering(redirect) as url:
        answer = await probe.ask(ProbeRequest(url))
    assert answer.location == shortened(location, LOCATION_LENGTH)
    assert len(list(cuts(answer.location))) == 1


async def test_tls_asks_for_the_name_without_a_final_dot(probe: HttpProbe) -> None:
    """Traefik's TLS refuses a name with one. https://www.rfc-editor.org/rfc/rfc6066#section-3"""
    hellos: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(MOST_BODY))
        writer.close()

    async with await asyncio.start_server(read, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await probe.ask(ProbeRequest(f"https://127.0.0.1:{port}/", host="shop.example.org."))
    name = b"shop.example.org"
    assert len(name).to_bytes(2) + name in hellos[0]
