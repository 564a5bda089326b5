"""A task whose group failed goes on as if nothing had been cancelled."""

import asyncio
from pathlib import Path

import pytest

from app.task_group import task_group

ROOT = Path(__file__).parents[3]


async def fails() -> None:
    await asyncio.sleep(0)
    raise ValueError


async def test_time_limit_after_a_failed_group_is_a_timeout() -> None:
    with pytest.raises(ExceptionGroup):
        async with task_group() as group:
            group.create_task(fails())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()


async def test_cancelled_group_ends_as_cancelled() -> None:
    async def waits() -> None:
        async with task_group() as group:
            group.create_task(asyncio.Event().wait())

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_time_limit_around_a_group_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), task_group() as group:
            group.create_task(asyncio.Event().wait())


def test_no_other_group_is_used() -> None:
    files = [file for directory in ("app", "workers") for file in (ROOT / directory).rglob("*.py")]
    using = [file.name for file in files if "asyncio.TaskGroup()" in file.read_text()]
    assert using == ["task_group.py"]
