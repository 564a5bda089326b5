import asyncio
import json
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.demo.clients import plain_client
from deploy.demo.http1 import Connection, request
from tests.unit.demo.services import LIMIT, VERSION, exit_code, printed_value, service


@dataclass(frozen=True)
class Gateway:
    process: Process
    session_port: int
    url: str

    async def sessions(self) -> dict[str, Any]:
        async with plain_client() as client:
            answer: dict[str, Any] = (await client.get(f"{self.url}/sessions")).json()
            return answer

    async def reset(self) -> None:
        async with plain_client() as client:
            (await client.post(f"{self.url}/reset")).raise_for_status()

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first report that meets the condition. Raises TimeoutError after LIMIT seconds."""
        async with asyncio.timeout(LIMIT):
            while not condition(report := await self.sessions()):
                pass
        return report


@asynccontextmanager
async def gateway(directory: Path, heartbeat: float = 5.0) -> AsyncIterator[Gateway]:
    env = {"SESSION_PORT": "0", "HTTP_PORT": "0", "HEARTBEAT_SECONDS": str(heartbeat)}
    async with service("gateway/gateway.py", directory, **env) as process:
        session_port, http_port = await printed_value(process, "listening")
        yield Gateway(process, session_port, f"http://127.0.0.1:{http_port}")


@asynccontextmanager
async def session(home: Gateway, identity: str = "sample") -> AsyncIterator[tuple[str, StreamReader]]:
    """Open a session; yields the gateway's first answer (`ready` or `refused`) and the reader."""
    reader, writer = await asyncio.open_connection("127.0.0.1", home.session_port)
    try:
        assert (await line(reader))["op"] == "hello"
        await send(writer, op="identify", token=identity, version=VERSION)
        yield (await line(reader))["op"], reader
    finally:
        writer.close()
        await writer.wait_closed()


async def line(reader: StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(LIMIT):
        message: dict[str, Any] = json.loads(await reader.readline())
        return message


async def send(writer: StreamWriter, **message: str) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()


def bot(home: Gateway, directory: Path) -> Any:
    env = {"GATEWAY": f"127.0.0.1:{home.session_port}", "READY_FILE": str(directory / "ready")}
    return service("bot/bot.py", directory, **env)


async def test_observers_keep_their_connection(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", int(home.url.rpartition(":")[2])))
        for _ in range(2):
            status, report = await connection.ask(request("GET", "/sessions", {}))
            assert (status, json.loads(report)["open"], connection.reusable) == (200, 0, True)
        connection.writer.close()
        await connection.writer.wait_closed()


async def test_peak_sessions_are_counted_not_sampled(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home:
        for count in (1, 3, 1):
            async with AsyncExitStack() as stack:
                answers = [await stack.enter_async_context(session(home)) for _ in range(count)]
            assert [op for op, _ in answers] == ["ready"] * count
            await home.until(lambda report: report["open"] == 0)
        report = await home.sessions()
    assert (report["max"], report["opened"], report["versions"]) == (3, 5, [VERSION] * 5)


async def test_gap_is_the_time_without_a_session(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home:
        async with session(home):
            assert (await home.sessions())["gap_seconds"] is None
        await home.until(lambda report: report["open"] == 0)
        began = asyncio.get_running_loop().time()
        async with session(home):
            longest = asyncio.get_running_loop().time() - began
            report = await home.sessions()
    assert report["gaps"] == [report["gap_seconds"]]
    assert 0 <= report["gap_seconds"] <= longest + 1


async def test_overlapping_sessions_leave_no_gap(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home:
        async with session(home):
            second = session(home)
            await second.__aenter__()
        await home.until(lambda report: report["open"] == 1)
        assert (await home.sessions())["gaps"] == []
        await second.__aexit__(None, None, None)


async def test_wrong_token_opens_no_session(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home, session(home), session(home, "revoked") as (answer, _):
        assert answer == "refused"
        report = await home.sessions()
    assert (report["open"], report["max"], report["opened"]) == (1, 1, 1)


async def test_reset_clears_max_and_gaps(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home, session(home):
        async with session(home):
            assert (await home.sessions())["max"] == 2
        await home.until(lambda report: report["open"] == 1)
        await home.reset()
        report = await home.sessions()
    assert (report["open"], report["max"], report["gaps"], report["opened"]) == (1, 1, [], 2)


async def test_a_silent_session_is_closed(tmp_path: Path) -> None:
    async with gateway(tmp_path, heartbeat=0.05) as home, session(home) as (answer, reader):
        assert answer == "ready"
        async with asyncio.timeout(LIMIT):
            assert await reader.read() == b""
        await home.until(lambda report: report["open"] == 0)


async def test_the_gateway_ends_at_sigterm(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home, session(home):
        home.process.terminate()
        assert await exit_code(home.process) == 0


async def test_bot_is_ready_only_with_an_open_session(tmp_path: Path) -> None:
    async with gateway(tmp_path) as home, bot(home, tmp_path) as process:
        assert await printed_value(process, "gateway") == {"op": "ready"}
        await home.until(lambda _: (tmp_path / "ready").exists())
        assert (await home.sessions())["versions"] == [VERSION]
        process.terminate()
        assert await exit_code(process) == 0
        assert not (tmp_path / "ready").exists()
        assert (await home.until(lambda report: report["open"] == 0))["max"] == 1


async def test_the_bot_keeps_its_session_by_heartbeats(tmp_path: Path) -> None:
    async with gateway(tmp_path, heartbeat=2) as home, bot(home, tmp_path) as process:
        await printed_value(process, "gateway")
        async with session(home) as (_, reader), asyncio.timeout(LIMIT):
            assert await reader.read() == b""
        report = await home.until(lambda report: report["open"] == 1)
    assert (report["opened"], report["gaps"]) == (2, [])


async def test_bot_reconnects_when_the_gateway_returns(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with gateway(tmp_path) as first:
            process = await stack.enter_async_context(bot(first, tmp_path))
            await printed_value(process, "gateway")
        assert "lost" in await printed_value(process, "gateway")
        env = {"SESSION_PORT": str(first.session_port), "HTTP_PORT": "0"}
        again = await stack.enter_async_context(service("gateway/gateway.py", tmp_path, **env))
        await printed_value(again, "listening")
        while (event := await printed_value(process, "gateway")) != {"op": "ready"}:
            assert "lost" in event
