"""The load client measures what clients would have seen and reports every failure of a server."""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve

from deploy.demo.load import Load, Report
from tests.unit.demo.services import VERSION, printed_value, service

LIMIT = 50.0


@asynccontextmanager
async def skills_and_api(directory: Path) -> AsyncIterator[list[str]]:
    async with AsyncExitStack() as stack:
        scripts = ("skills/app.py", "api/app.py")
        running = [await stack.enter_async_context(service(script, directory, PORT="0")) for script in scripts]
        yield [f"http://127.0.0.1:{await printed_value(process, 'listening')}" for process in running]


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that sends `answer` to every request and then closes the connection."""

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


async def loaded(routes: list[str], requests: int, rps: float = 100.0, slow_seconds: float = 0.3) -> Report:
    async with Load(routes, rps, slow_seconds=slow_seconds) as load:
        await load.served(requests, LIMIT)
    return load.report


async def until(load: Load, condition: Callable[[Report], bool]) -> None:
    """Raises TimeoutError if the condition is not met within LIMIT seconds."""
    async with asyncio.timeout(LIMIT):
        while not condition(load.report):
            await load.served(load.report.requests + 1, LIMIT)


async def test_working_service_has_no_failed_request(tmp_path: Path) -> None:
    async with skills_and_api(tmp_path) as routes:
        report = await loaded(routes, 200)
    assert (report.failed, report.failures, report.reconnects) == (0, [], 0)
    assert report.by_kind.keys() == {"get", "post", "slow", "websocket"}
    assert report.by_kind.total() == report.requests >= 200
    assert report.versions == {VERSION: report.requests}
    assert 0 < report.p99_ms <= report.max_ms


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (http("503 Service Unavailable", "{}"), "HTTP 503"),
        (http("404 Not Found", "404 page not found"), "HTTP 404"),
        (http("200 OK", "not json"), "JSONDecodeError"),
        (http("200 OK", '{"echo": "another"}'), "the echo of 'message"),
        (http("200 OK", '{"no": "version"}'), "KeyError"),
        (b"", "IncompleteReadError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "IncompleteReadError"),
    ],
)
async def test_every_wrong_answer_is_a_failed_request(answer: bytes, detail: str) -> None:
    async with answering(answer) as route:
        report = await loaded([route], 30)
    assert report.failed == report.requests == report.by_kind.total()
    assert report.by_kind.keys() == {"get", "post", "slow", "websocket"}
    assert any(detail in failure for failure in report.failures)


async def test_a_refused_connection_is_a_failed_request() -> None:
    async with answering(b"") as gone:
        pass
    report = await loaded([gone], 30)
    assert report.failed == report.requests
    assert any("ConnectionRefusedError" in failure for failure in report.failures)


async def test_failure_list_is_limited() -> None:
    async with answering(b"") as route:
        report = await loaded([route], 60)
    assert len(report.failures) == 20 < report.failed


async def test_slow_client_does_not_flood_a_dead_server() -> None:
    async with answering(http("503 Service Unavailable", "")) as route:
        started = time.monotonic()
        report = await loaded([route], 30)
    assert report.by_kind["slow"] <= 2 * (1 + (time.monotonic() - started) / 0.2)


async def test_slow_requests_do_not_lower_the_rate(tmp_path: Path) -> None:
    async with skills_and_api(tmp_path) as routes, Load(routes, rps=50, slow_seconds=60) as load:
        started = time.monotonic()
        await until(load, lambda report: report.by_kind["get"] + report.by_kind["post"] >= 50)
        took = time.monotonic() - started
        await load.stop(limit=0)
    assert 0.9 <= took < 60, "no request waits for a slow one"
    assert load.report.failed == load.report.by_kind["slow"] == 0


async def test_stop_waits_for_requests_in_flight(tmp_path: Path) -> None:
    async with skills_and_api(tmp_path) as routes:
        async with Load(routes, slow_seconds=8) as load:
            await load.served(20, LIMIT)
            assert load.report.by_kind["slow"] == 0
        assert (load.report.by_kind["slow"], load.report.failed) == (2, 0)


async def test_properly_closed_websocket_reconnects(tmp_path: Path) -> None:
    async with closing_websockets(b"\x88\x02\x03\xe9") as route:
        report = await loaded_until_closed(route)
    assert report.reconnects > 1
    assert report.by_kind["websocket"] == 0


@pytest.mark.parametrize("end", [b"", b"\x88\x02\x03\xf3"], ids=["no close frame", "1011 internal error"])
async def test_improperly_closed_websocket_has_failed(end: bytes) -> None:
    async with closing_websockets(end) as route:
        report = await loaded_until_closed(route)
    assert report.reconnects == 0
    assert any("closed without a proper close frame" in failure for failure in report.failures)


@asynccontextmanager
async def closing_websockets(end: bytes) -> AsyncIterator[str]:
    """A server that ends its websockets with the bytes `end` after the first message."""

    async def connected(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.write(end)
        socket.transport.close()

    async with serve(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def loaded_until_closed(route: str) -> Report:
    async with Load([route], slow_seconds=0.3) as load:
        await until(load, lambda report: report.reconnects > 1 or report.by_kind["websocket"] > 0)
    return load.report
