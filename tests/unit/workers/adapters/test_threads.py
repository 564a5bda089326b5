import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from app.domain.stack import Color
from tests.examples import a_stack
from workers.adapters.disk.journal import FileJournal
from workers.adapters.docker_host.client import Docker
from workers.adapters.threads import in_engine_thread, in_file_thread, in_large_file_thread, to_its_end
from workers.adapters.traefik.route_file import RouteFile

MANY = 40
"""More calls than asyncio has threads of its own."""

LIMIT = 120.0
NAME: ContextVar[str] = ContextVar("name")


@pytest.fixture
async def nothing_answers(tmp_path: Path) -> AsyncIterator[None]:
    """MANY calls wait for an engine that accepts connections and never answers, and MANY for a name server."""
    path, resolved = tmp_path / "docker.sock", threading.Event()
    client = docker.DockerClient(base_url=f"unix://{path}", version="1.41", timeout=int(3 * LIMIT))
    engine = Docker(client, f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(2 * MANY)
        asked = [asyncio.create_task(engine.once(lambda c: c.ping(), limit=3 * LIMIT)) for _ in range(MANY)]
        asked += [asyncio.create_task(asyncio.to_thread(resolved.wait)) for _ in range(MANY)]
        await asyncio.sleep(0)  # all of them begin
        yield
    resolved.set()  # the engine's calls end with its socket
    await asyncio.gather(*asked, return_exceptions=True)
    client.close()


async def test_hung_engine_delays_no_journal_entry_and_no_route(tmp_path: Path, nothing_answers: None) -> None:
    journal = FileJournal(tmp_path / "state.json")
    (tmp_path / "dynamic").mkdir()
    route = RouteFile(tmp_path / "dynamic", a_stack())

    async def write() -> Color | None:
        await journal.update(lambda state: replace(state, epoch=1))
        await journal.check()
        await route.flip(Color.GREEN, "r-1")
        return await route.active()

    writing = asyncio.create_task(write())
    await asyncio.wait([writing], timeout=LIMIT)
    assert writing.done(), "the write waits for the engine or the name server"
    assert await writing is Color.GREEN


@pytest.mark.parametrize("run", [in_file_thread, in_engine_thread, in_large_file_thread, to_its_end])
async def test_thread_sees_the_callers_context(run: Callable[..., Awaitable[str]]) -> None:
    NAME.set("mine")
    assert await run(NAME.get) == "mine"


async def test_large_files_hold_up_no_journal_entry() -> None:
    written = threading.Event()
    waiting = [asyncio.create_task(in_large_file_thread(written.wait, LIMIT)) for _ in range(MANY)]
    await asyncio.sleep(0)  # all of them begin
    async with asyncio.timeout(LIMIT):
        await in_file_thread(written.set)
        assert await asyncio.gather(*waiting) == [True] * MANY


async def test_a_cancelled_large_file_ends_first() -> None:
    """So that nobody removes a file that is still being written."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        may_end.wait(LIMIT)
        ended.set()

    writing = asyncio.create_task(in_large_file_thread(write))
    await asyncio.to_thread(begun.wait, LIMIT)
    writing.cancel()
    await asyncio.sleep(0)
    assert not writing.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert ended.is_set()
