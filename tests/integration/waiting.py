"""Waits for a condition by polling, with a named limit."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.02
LIMIT = 10.0


async def until(condition: Callable[[], bool | Awaitable[bool]], limit: float = LIMIT) -> None:
    """Returns when `condition` holds. Raises TimeoutError after `limit` seconds."""
    async with asyncio.timeout(limit):
        while True:
            seen = condition()
            if await seen if inspect.isawaitable(seen) else seen:
                return
            await asyncio.sleep(POLL_SECONDS)
