"""Polling: a part that is still starting is not there yet, and every other error ends the wait."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import redis
import requests
from docker.errors import APIError, ImageNotFound, NotFound

from deploy.demo.clients import plain_client
from deploy.demo.processes import free_port
from tests.integration.waiting import once_up, until

REFUSALS = 3
Answer = bytes


async def serving(*answers: Answer) -> tuple[asyncio.Server, str]:
    """A server that gives each connection the next answer, and the last one again. Returns its URL too."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
NOTHING = b""
"""The proxy of a published port closes the connection: nothing listens behind it."""

HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{"


async def asked(url: str) -> bool:
    async with plain_client() as client:
        return bool((await client.get(url)).json() == {})


async def test_server_that_disconnects_is_asked_again() -> None:
    server, url = await serving(*[NOTHING] * REFUSALS, HALF, OK)
    async with server:
        await until(once_up(lambda: asked(url)))


async def test_condition_alone_raises_what_it_meets() -> None:
    server, url = await serving(NOTHING, OK)
    async with server:
        with pytest.raises(httpx.RemoteProtocolError):
            await until(lambda: asked(url))


def refused(status: int, kind: type[APIError] = APIError) -> APIError:
    response = requests.Response()
    response.status_code = status
    return kind("no", response=response)


def raising(error: Exception) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        raise error

    return condition


@pytest.mark.parametrize(
    "error",
    [
        refused(404, NotFound),
        refused(404, ImageNotFound),
        refused(409),
        ConnectionRefusedError(),
        asyncio.IncompleteReadError(b"", 1),
        redis.ConnectionError(),
        redis.exceptions.BusyLoadingError(),
    ],
    ids=repr,
)
async def test_part_that_is_not_there_yet_does_not_hold(error: Exception) -> None:
    assert await once_up(raising(error))() is False  # type: ignore[misc]  # it is awaitable


async def test_missing_and_half_written_file_do_not_hold(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    condition = once_up(lambda: bool(json.loads(file.read_text())["ready"]))
    for text in (None, "", '{"ready"'):
        if text is not None:
            file.write_text(text)
        assert await condition() is False  # type: ignore[misc]  # it is awaitable
    file.write_text('{"ready": true}')
    await until(condition)


@pytest.mark.parametrize("error", [refused(500), KeyError("current"), PermissionError(), ValueError()], ids=repr)
async def test_every_other_error_is_raised(error: Exception) -> None:
    with pytest.raises(type(error)):
        await until(once_up(raising(error)))


async def test_part_that_never_comes_ends_at_the_limit() -> None:
    with pytest.raises(TimeoutError):
        await until(once_up(lambda: asked(f"http://127.0.0.1:{free_port()}")), 0.1)
