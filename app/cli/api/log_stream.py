"""Reads or follows a rollout's log. After a broken connection, no line is repeated."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from app.api.rollout import FINAL
from app.cli.api.client import ApiClient
from app.cli.errors import CannotReach, Exit, Refused
from app.cli.report import write
from app.cli.views.text import document, plain

RIDE_SECONDS = 60.0
"""How long the updater may be unreachable before the command stops following."""

RETRY_SECONDS = 1.0


async def follow_log(
    updater: ApiClient, rollout_id: str, ended: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[str, None]:
    """Yields the log's lines as they arrive, until the log ends and `ended()` is true.

    Raises CannotReach if the updater is unreachable for RIDE_SECONDS.
    """
    loop, read, unreachable = asyncio.get_running_loop(), 0, 0.0
    while True:
        over = False
        try:
            over = await ended()
            unreachable = 0.0
            async with aclosing(updater.log(rollout_id, follow=True, read=read)) as lines:
                async for number, line in lines:
                    read = number
                    yield line
        except CannotReach:
            unreachable = unreachable or loop.time()
            if loop.time() - unreachable > RIDE_SECONDS:
                raise
            over = False
        if over:
            return
        await asyncio.sleep(RETRY_SECONDS)


async def print_log(updater: ApiClient, rollout_id: str | None, *, follow: bool, as_json: bool) -> Exit:
    """Prints a log, by default that of the running or last rollout. With `as_json`, one object per line."""
    wanted = rollout_id or await _latest(updater)

    async def ended() -> bool:
        try:
            return (await updater.record(wanted)).status in FINAL
        except Refused:
            if await _something_waits(updater):
                return False  # it may be this rollout: its record may not exist yet
            raise

    async with aclosing(follow_log(updater, wanted, ended) if follow else _whole_log(updater, wanted)) as lines:
        async for line in lines:
            write(document({"rollout_id": wanted, "line": line}) if as_json else plain(line))
    return Exit.DONE


async def _whole_log(updater: ApiClient, rollout_id: str) -> AsyncGenerator[str, None]:
    """Yields the lines after the last one has arrived: the updater ends a connection that waits for a pager."""
    async with aclosing(updater.log(rollout_id, follow=False)) as lines:
        whole = [line async for _, line in lines]
    for line in whole:
        yield line


async def _latest(updater: ApiClient) -> str:
    status = await updater.status()
    running, last = status.rollout, status.last_result
    found = running.id if running else last.rollout_id if last else None
    if not found:
        raise Refused("No rollout has run yet, so there is no log.", "`updater deploy TAG` starts one.")
    return found


async def _something_waits(updater: ApiClient) -> bool:
    status = await updater.status()
    return bool(status.rollout or status.queued or status.held)
