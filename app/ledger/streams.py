"""Events and logs: streams that a reader can resume."""

import json
from collections.abc import Sequence
from typing import Any

from app.ledger.base import CALL_SECONDS, EVENTS_KEPT, RECORD_SECONDS_KEPT, LedgerPart, now, translated

LOG_LINES_KEPT = 20_000
READ_AT_ONCE = 500
BEGINNING = "0-0"

Entries = list[tuple[str, dict[bytes, bytes]]]


class LedgerStreams(LedgerPart):
    """`events` (fields `type`, `at`, `data`) and `log:<rollout id>` (field `line`)."""

    async def publish_event(self, kind: str, data: dict[str, Any]) -> None:
        """Appends an event: `type`, `at` (ISO 8601, UTC) and `data` (JSON)."""
        fields = {"type": kind, "at": now(), "data": json.dumps(data)}
        async with translated():
            await self._redis.xadd(self.key("events"), fields, maxlen=EVENTS_KEPT)  # type: ignore[arg-type]

    async def append_log(self, rollout_id: str, lines: Sequence[str]) -> None:
        """Appends lines to the rollout's log, a stream of `line` fields that Redis forgets after 30 days."""
        key = self.key(f"log:{rollout_id}")
        async with translated(), self._redis.pipeline(transaction=False) as pipe:
            for line in lines:
                pipe.xadd(key, {"line": line}, maxlen=LOG_LINES_KEPT)
            pipe.expire(key, RECORD_SECONDS_KEPT)
            await pipe.execute()

    async def last_event_id(self) -> str:
        """The id of the newest event; only new events come after it."""
        async with translated():
            newest = await self._redis.xrevrange(self.key("events"), count=1)
        return newest[0][0].decode() if newest else BEGINNING

    async def event_count(self) -> int:
        """How many events are kept."""
        async with translated():
            return int(await self._redis.xlen(self.key("events")))

    async def events_after(self, last_id: str, *, block: float) -> list[tuple[str, dict[str, Any]]]:
        """The events after `last_id`, at most READ_AT_ONCE: id and `type`, `at`, `data`.

        Waits up to `block` seconds for the first one. Returns an empty list if there is none.
        """
        return [(id_, _event(fields)) for id_, fields in await self._after("events", last_id, block)]

    async def log_after(self, rollout_id: str, last_id: str, *, block: float) -> list[tuple[str, str]]:
        """The log's lines after `last_id`, each with its id, at most READ_AT_ONCE; waits like `events_after`."""
        found = await self._after(f"log:{rollout_id}", last_id, block)
        return [(id_, fields[b"line"].decode()) for id_, fields in found]

    async def _after(self, name: str, last_id: str, block: float) -> Entries:
        key = self.key(name)
        wait = max(1, round(block * 1000)) if block > 0 else None  # Redis takes 0 for "for ever"
        async with translated(CALL_SECONDS + block):
            found = await self._redis.xread({key: last_id}, count=READ_AT_ONCE, block=wait)
        return [(id_.decode(), fields) for _, entries in found for id_, fields in entries]


def _event(fields: dict[bytes, bytes]) -> dict[str, Any]:
    data = json.loads(fields[b"data"])
    return {"type": fields[b"type"].decode(), "at": fields[b"at"].decode(), "data": data}
