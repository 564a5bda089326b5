"""Runs something that never ends in the background."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol


class Runs(Protocol):
    async def run(self) -> None: ...


@contextlib.asynccontextmanager
async def running(runner: Runs) -> AsyncIterator[None]:
    """Runs `runner` until the end of the block."""
    task = asyncio.create_task(runner.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
