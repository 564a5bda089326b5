"""The ledger: accepted releases, status, history and events in Redis, for everyone to read.

Keys, all below the namespace: `releases` (hash: every release ever accepted), `pending` (hash: those that the
worker has not taken over), `status` (string), `history` (list, newest first), `last_result` and
`result:<rollout id>` (strings), `events` and `log:<rollout id>` (streams). Values are JSON.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.errors import LedgerUnavailable
from app.domain.release import Release

EVENTS_KEPT = 10_000
HISTORY_KEPT = 1_000
LOG_LINES_KEPT = 20_000
RECORD_SECONDS_KEPT = 30 * 24 * 3600

_RELEASE = TypeAdapter(Release)

# One step for Redis: a release that is known stays as it is, a new one is recorded, to be taken over, and told.
_ACCEPT = """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return redis.call('HGET', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'type', 'release.accepted', 'at', ARGV[3], 'data', ARGV[2])
return false
"""


class Ledger:
    """The one place that knows the keys. Every call raises LedgerUnavailable when Redis does not do it."""

    def __init__(self, redis: Redis, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace

    def key(self, name: str) -> str:
        return f"{self._namespace}:{name}"

    async def ping(self) -> None:
        async with _translated():
            await cast(Awaitable[bool], self._redis.ping())

    async def worker_alive(self) -> bool:
        """Whether the worker's heartbeat is there: it writes one every ten seconds."""
        async with _translated():
            return bool(await self._redis.exists(self.key("worker")))

    async def accept(self, release: Release) -> Release | None:
        """Records `release`. Returns None, or the release that is already recorded under the same key."""
        keys = [self.key("releases"), self.key("pending"), self.key("events")]
        args = [release.key, _RELEASE.dump_json(release).decode(), _now(), str(EVENTS_KEPT)]
        async with _translated():
            known = await cast(Awaitable[bytes | None], self._redis.eval(_ACCEPT, len(keys), *keys, *args))
        return _RELEASE.validate_json(known) if known else None

    async def pending(self) -> list[Release]:
        """The accepted releases that the worker has not taken over yet."""
        async with _translated():
            values = await cast(Awaitable[list[bytes]], self._redis.hvals(self.key("pending")))
        return sorted((_RELEASE.validate_json(v) for v in values), key=lambda r: r.accepted_at)

    async def taken(self, releases: Sequence[Release]) -> None:
        """The worker has `releases` in its journal: they are no longer pending."""
        if releases:
            async with _translated():
                keys = [r.key for r in releases]
                await cast(Awaitable[int], self._redis.hdel(self.key("pending"), *keys))

    async def publish_status(self, status: dict[str, Any]) -> None:
        async with _translated():
            await self._redis.set(self.key("status"), json.dumps(status))

    async def status(self) -> dict[str, Any] | None:
        """What the worker published last; None before it ever did."""
        return await self._read("status")

    async def record_result(self, result: dict[str, Any], entry: dict[str, Any]) -> None:
        """Keeps a final result and its history entry, in one transaction."""
        async with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self.key(f"result:{result['rollout_id']}"), json.dumps(result), ex=RECORD_SECONDS_KEPT)
            pipe.set(self.key("last_result"), json.dumps(result))
            pipe.lpush(self.key("history"), json.dumps(entry))
            pipe.ltrim(self.key("history"), 0, HISTORY_KEPT - 1)
            await pipe.execute()

    async def record_decision(self, entry: dict[str, Any]) -> None:
        """Keeps the history entry of a release that never got a rollout."""
        async with _translated():
            await cast(Awaitable[int], self._redis.lpush(self.key("history"), json.dumps(entry)))

    async def history(self, limit: int) -> list[dict[str, Any]]:
        """The last `limit` entries, newest first."""
        async with _translated():
            values = await cast(Awaitable[list[bytes]], self._redis.lrange(self.key("history"), 0, limit - 1))
        return [json.loads(v) for v in values]

    async def last_result(self) -> dict[str, Any] | None:
        """The final result of the rollout that ended last; None before the first."""
        return await self._read("last_result")

    async def result(self, rollout_id: str) -> dict[str, Any] | None:
        """The final result of that rollout; None while it has none, and after 30 days."""
        return await self._read(f"result:{rollout_id}")

    async def _read(self, name: str) -> dict[str, Any] | None:
        async with _translated():
            value = await self._redis.get(self.key(name))
        return json.loads(value) if value else None

    async def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Appends an event: `type`, `at` (ISO 8601, UTC) and `data` (JSON)."""
        fields = {"type": kind, "at": _now(), "data": json.dumps(data)}
        async with _translated():
            await self._redis.xadd(self.key("events"), fields, maxlen=EVENTS_KEPT)  # type: ignore[arg-type]

    async def append_log(self, rollout_id: str, lines: Sequence[str]) -> None:
        """Appends lines to the rollout's log, a stream of `line` fields that Redis forgets after 30 days."""
        key = self.key(f"log:{rollout_id}")
        async with _translated(), self._redis.pipeline(transaction=False) as pipe:
            for line in lines:
                pipe.xadd(key, {"line": line}, maxlen=LOG_LINES_KEPT)
            pipe.expire(key, RECORD_SECONDS_KEPT)
            await pipe.execute()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise LedgerUnavailable(f"{type(error).__name__}: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat()
