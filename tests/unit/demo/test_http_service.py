import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from deploy.demo.clients import plain_client
from deploy.demo.repository import CONTENT, replace_in
from tests.unit.demo.services import VERSION, exit_code, printed_value, service

ABOUT_SKILLS = {"service": "skills", "version": VERSION, "color": "blue"}


@asynccontextmanager
async def serving(directory: Path, script: str = "skills/app.py", **env: str) -> AsyncIterator[tuple[Process, str]]:
    """The process and its URL."""
    async with service(script, directory, PORT="0", COLOR="blue", **env) as process:
        yield process, f"http://127.0.0.1:{await printed_value(process, 'listening')}"


def client(url: str) -> httpx.AsyncClient:
    return plain_client(base_url=url, timeout=120)


def websocket(url: str) -> connect:
    return connect(url.replace("http", "ws", 1) + "/ws", proxy=None)


async def exchange(socket: ClientConnection, text: str) -> dict[str, str]:
    await socket.send(text)
    answer: dict[str, str] = json.loads(await socket.recv())
    return answer


async def refused(url: str) -> bool:
    try:
        await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    except ConnectionRefusedError:
        return True
    return False


async def test_every_answer_identifies_its_service(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, url), client(url) as http:
        answers = [await http.get(path) for path in ("/", "/version", "/health", "/slow?seconds=0", "/nowhere")]
        answers.append(await http.post("/echo", content="hello"))
    assert [a.status_code for a in answers] == [200, 200, 200, 200, 404, 200]
    assert [a.json() | ABOUT_SKILLS == a.json() for a in answers] == [True] * 6
    assert answers[-1].json()["echo"] == "hello"


async def test_strict_service_answers_only_its_host_by_https(tmp_path: Path) -> None:
    async with service("skills/app.py", tmp_path, PORT="0", ONLY_HOST="shop.example.org") as process:
        port = await printed_value(process, "listening")
        async with client(f"http://127.0.0.1:{port}") as http:
            foreign = await http.get("/version", headers={"X-Forwarded-Proto": "https"})
            plain = await http.get("/version", headers={"Host": "shop.example.org"})
            right = await http.get("/version", headers={"Host": "shop.example.org", "X-Forwarded-Proto": "https"})
        check = CONTENT / "common" / "healthcheck.py"
        asking = (sys.executable, str(check), f"http://127.0.0.1:{port}/health")
        checked = await asyncio.create_subprocess_exec(*asking, env={**os.environ, "ONLY_HOST": "shop.example.org"})
        assert await exit_code(checked) == 0
    assert [answer.status_code for answer in (foreign, plain, right)] == [400, 301, 200]
    assert plain.headers["Location"] == "https://shop.example.org/version"


@pytest.mark.parametrize(
    ("script", "path", "status"),
    [
        ("skills/app.py", "/health", 200),
        ("skills/app.py", "/api/v1/health", 404),
        ("api/app.py", "/api/v1/health", 200),
        ("api/app.py", "/health", 401),
    ],
)
async def test_each_service_has_its_own_health_path(tmp_path: Path, script: str, path: str, status: int) -> None:
    async with serving(tmp_path, script) as (_, url), client(url) as http:
        assert (await http.get(path)).status_code == status


async def test_connection_is_reused(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, url), client(url) as http:
        ports = {(await http.get("/")).extensions["network_stream"].get_extra_info("client_addr")[1] for _ in range(3)}
    assert len(ports) == 1


async def test_malformed_request_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, url), client(url) as http:
        assert (await http.get("/slow?seconds=soon")).status_code == 400
        too_large = await begin_request(url, "POST /echo HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n")
        assert (await too_large)[0].endswith(" 413 Content Too Large")
        assert (await http.get("/")).status_code == 200


async def test_sigterm_finishes_requests_in_flight(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, url), client(url) as http:
        await http.get("/")
        slow = await begin_request(url, "GET /slow?seconds=1 HTTP/1.1\r\n\r\n")
        process.terminate()
        status, headers, answer = await slow
        assert status.endswith("200 OK")
        assert "Connection: close" in headers
        assert answer == ABOUT_SKILLS | {"slept": 1.0}
        assert await exit_code(process) == 0
        assert await refused(url)


async def begin_request(url: str, request: str) -> "asyncio.Task[tuple[str, list[str], object]]":
    """Send a request; returns once the service has begun it, because it has answered a later request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(request.encode())
    await writer.drain()
    async with client(url) as http:
        await http.get("/")

    async def answer() -> tuple[str, list[str], object]:
        everything = await reader.read()
        writer.close()
        head, _, body = everything.decode().partition("\r\n\r\n")
        status, *headers = head.split("\r\n")
        return status, headers, json.loads(body)

    return asyncio.create_task(answer())


async def test_sigterm_closes_idle_connections_at_once(tmp_path: Path) -> None:
    """Here they would stay open for an hour."""
    common = shutil.copytree(CONTENT / "common", tmp_path / "common")
    replace_in(common / "http_service.py", "IDLE_SECONDS = 5.0", "IDLE_SECONDS = 3600.0")
    async with serving(tmp_path, PYTHONPATH=str(common)) as (process, url), client(url) as http:
        await http.get("/")
        process.terminate()
        assert await exit_code(process) == 0


async def test_a_websocket_echoes_text(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, url), websocket(url) as socket:
        for text in ("hello", "é" * 200):
            assert await exchange(socket, text) == ABOUT_SKILLS | {"echo": text}
        await (await socket.ping())


async def test_sigterm_closes_websocket_with_going_away(tmp_path: Path) -> None:
    async with serving(tmp_path) as (process, url), websocket(url) as socket:
        await exchange(socket, "hello")
        process.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert await exit_code(process) == 0
