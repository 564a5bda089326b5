"""The base of the ledger's parts: the client, the namespace and the errors."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.errors import LedgerUnavailable

RECORD_SECONDS_KEPT = 30 * 24 * 3600
EVENTS_KEPT = 10_000
CALL_SECONDS = 8.0
"""Limit for a call, including the client's own retries: a Redis that hangs counts as unavailable."""


class LedgerPart:
    """A part of the ledger. Every call raises LedgerUnavailable if Redis fails."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace

    def key(self, name: str) -> str:
        return f"{self._namespace}:{name}"

    async def _read(self, name: str) -> dict[str, Any] | None:
        """The JSON object at that key; None if there is none, or if the value is something else."""
        async with translated():
            value = await self._redis.get(self.key(name))
        return json_object(value)


def json_object(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object; None if there is no value, or if it is something else."""
    try:
        found = json.loads(value) if value else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


@asynccontextmanager
async def translated(limit: float = CALL_SECONDS) -> AsyncIterator[None]:
    """Raises LedgerUnavailable for Redis's errors, and if the block takes longer than `limit` seconds."""
    try:
        async with asyncio.timeout(limit):
            yield
    except (RedisError, OSError) as error:  # TimeoutError is an OSError
        raise LedgerUnavailable(f"{type(error).__name__}: {error}") from error


def now() -> str:
    return datetime.now(UTC).isoformat()
