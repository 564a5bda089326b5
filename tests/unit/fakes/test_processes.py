"""Processes in virtual time; the contract with real ones is in tests/integration/contracts."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.fakes.clock import Blocking, InParts
from tests.fakes.processes import PROCESS, Process, Stuck, as_child, owner, run_processes


def with_a_process(test: Callable[[Process], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs a test in a loop of its own, which what a killed process leaves does not outlive."""

    def run() -> None:
        run_processes(test(Process("p")))

    return run


@with_a_process
async def test_what_a_process_starts_belongs_to_it(process: Process) -> None:
    async def inner() -> Process | None:
        await asyncio.sleep(1)
        return PROCESS.get()

    async def outer() -> Process | None:
        return await asyncio.create_task(inner())

    assert await process.spawn(outer()) is process
    assert PROCESS.get() is None


@with_a_process
async def test_nothing_runs_after_a_kill_not_even_a_finally(process: Process) -> None:
    ran: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1)
            ran.append("work")
        finally:
            ran.append("finally")

    process.spawn(work())
    await asyncio.sleep(0.5)
    process.kill()
    await asyncio.sleep(10)
    assert ran == []


@with_a_process
async def test_a_suspended_process_goes_on_with_expired_timers(process: Process) -> None:
    loop = asyncio.get_running_loop()

    async def work() -> tuple[float, bool]:
        late = False
        try:
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        except TimeoutError:
            late = True
        return loop.time(), late

    working = process.spawn(work())
    await asyncio.sleep(1)
    process.suspend()
    await asyncio.sleep(30)
    assert not working.done()
    process.resume()
    assert await working == (31.0, True)


@with_a_process
async def test_an_alarm_rings_after_turns(process: Process) -> None:
    done: list[int] = []

    async def work() -> None:
        for number in range(10):
            done.append(number)
            await asyncio.sleep(0)

    process.spawn(work())
    process.after_turns(3, process.kill)
    await asyncio.sleep(1)
    assert done == [0, 1, 2]


@with_a_process
async def test_a_thread_continues_after_its_caller_was_cancelled(process: Process) -> None:
    written: list[str] = []

    def write() -> Blocking[None]:
        yield 5.0
        written.append("all")

    working = process.spawn(asyncio.to_thread(InParts(write)))
    await asyncio.sleep(1)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert written == []
    await asyncio.sleep(5)
    assert written == ["all"]


@with_a_process
async def test_a_thread_ends_with_its_process(process: Process) -> None:
    written: list[str] = []

    def write() -> Blocking[None]:
        yield 5.0
        written.append("all")

    process.spawn(asyncio.to_thread(InParts(write)))
    await asyncio.sleep(1)
    process.kill()
    await asyncio.sleep(10)
    assert written == []


@with_a_process
async def test_what_happens_at_the_end_of_a_process(process: Process) -> None:
    ended: list[str] = []
    process.at_end(lambda: ended.append("now"))
    process.kill()
    process.kill()
    assert ended == ["now"]


def test_time_that_never_passes_ends_the_run() -> None:
    async def for_ever() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(again := lambda: loop.call_soon(again))
        await loop.create_future()

    with pytest.raises(Stuck, match="repeats for ever"):
        run_processes(for_ever())


@with_a_process
async def test_a_child_runs_on_while_its_parent_is_suspended(process: Process) -> None:
    done: list[str] = []

    async def compose() -> None:
        assert owner() is process
        await asyncio.sleep(5)
        done.append("compose")

    async def work() -> None:
        await as_child(compose())
        done.append("work")

    working = process.spawn(work())
    await asyncio.sleep(1)
    process.suspend()
    await asyncio.sleep(10)
    assert done == ["compose"]
    process.resume()
    await working
    assert done == ["compose", "work"]


@with_a_process
async def test_a_child_ends_with_its_parent(process: Process) -> None:
    done: list[str] = []

    async def compose() -> None:
        await asyncio.sleep(5)
        done.append("compose")

    process.spawn(as_child(compose()))
    await asyncio.sleep(1)
    process.kill()
    await asyncio.sleep(10)
    assert done == []
