"""The virtual-time loop that the pipeline's tests run on."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from tests.fakes import clock
from tests.fakes.clock import FakeClock, VirtualTimeLoop

WORK = (sys.executable, "-c", "pass")
"""Real work of some milliseconds; virtual time must not overtake it."""


def work() -> int:
    return subprocess.run(WORK, check=True, timeout=60).returncode


async def test_a_timer_takes_no_real_time() -> None:
    started = time.monotonic()
    await FakeClock().sleep(3600)
    assert FakeClock().monotonic() == 3600
    assert time.monotonic() - started < 60


async def test_timers_of_one_moment_expire_as_they_were_set() -> None:
    """However many others there are: a play of the simulator is compared with one that has more of them."""
    order: list[int] = []
    loop = asyncio.get_running_loop()
    for number in range(20):
        loop.call_at(10, order.append, number)
        loop.call_at(number % 7, order.append, -1)
    await asyncio.sleep(11)
    assert [number for number in order if number >= 0] == list(range(20))


async def test_timers_expire_in_their_order() -> None:
    order: list[int] = []

    async def note(seconds: int) -> None:
        await FakeClock().sleep(seconds)
        order.append(seconds)

    await asyncio.gather(note(3), note(1), note(2))
    assert order == [1, 2, 3]


async def test_limit_waits_for_a_working_thread() -> None:
    async with FakeClock().limit(0.001):
        assert await asyncio.to_thread(work) == 0
    assert FakeClock().monotonic() == 0


async def test_time_passes_after_a_failed_thread() -> None:
    with pytest.raises(FileNotFoundError):
        await asyncio.to_thread(subprocess.run, ["/nonexistent"], check=True)
    with pytest.raises(TimeoutError):
        async with FakeClock().limit(1):
            await FakeClock().sleep(2)


async def test_time_passes_during_an_endless_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "THREAD_SECONDS", 0.01)
    end = threading.Event()
    with pytest.raises(TimeoutError):
        async with FakeClock().limit(5):
            await asyncio.to_thread(end.wait, 60)
    end.set()
    assert FakeClock().monotonic() == 5


def test_closing_the_loop_joins_running_threads() -> None:
    begun = threading.Event()

    def begin() -> int:
        begun.set()
        return work()

    async def leave_it_working() -> None:
        asyncio.get_running_loop().run_in_executor(None, begin).cancel()
        assert begun.wait(60)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(leave_it_working())
