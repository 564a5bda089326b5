"""Waits for a condition by polling, with a named limit."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import httpx
import redis
from docker.errors import APIError

POLL_SECONDS = 0.02
LIMIT = 60.0
"""For what must come true: long enough for a machine that is slow, or that suspends a process for some seconds."""

Condition = Callable[[], bool | Awaitable[bool]]

STARTING = (
    *(httpx.TransportError, ConnectionError, EOFError, redis.ConnectionError, redis.TimeoutError),
    *(FileNotFoundError, json.JSONDecodeError),
)
"""What asking a part raises that does not listen, answer or write yet. JSON can be half-written."""

NOT_THERE = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
"""The engine's statuses for a container that does not exist or run yet."""


async def until(condition: Condition, limit: float = LIMIT) -> None:
    """Returns when `condition` holds. Raises TimeoutError after `limit` seconds."""
    async with asyncio.timeout(limit):
        while True:
            if await _holds(condition):
                return
            await asyncio.sleep(POLL_SECONDS)


def once_up(condition: Condition) -> Condition:
    """`condition`, which is False while a part that it asks is still starting.

    For example, the proxy of a published port accepts connections before the container listens. Any other error is
    raised.
    """

    async def asked() -> bool:
        try:
            return await _holds(condition)
        except STARTING:
            return False
        except APIError as error:
            if error.status_code in NOT_THERE:
                return False
            raise

    return asked


async def _holds(condition: Condition) -> bool:
    seen = condition()
    return bool(await seen if inspect.isawaitable(seen) else seen)
