"""Events and logs: streams that a reader can resume."""

import json
import time
from collections.abc import Awaitable, Sequence
from typing import Any, cast

from app.domain.long_lines import shortened
from app.ledger.base import CALL_SECONDS, EVENTS_KEPT, RECORD_SECONDS_KEPT, LedgerPart, now, translated

MIB = 1024**2
LOG_LINES_KEPT = 20_000
LOG_BYTES_KEPT = 4 * MIB
"""The most that the log of one rollout uses. Beyond it the oldest lines go."""

LOGS_BYTES_KEPT = 48 * MIB
"""The most that all logs use. Beyond it the log goes that was written the longest time ago."""

LINE_OVERHEAD_BYTES = 64
"""What an entry of a stream uses beside its line."""

READ_AT_ONCE = 500
BEGINNING = "0-0"
UNREADABLE = "unreadable"
"""The type of an event that this version cannot read."""

LOG_KEYS = ("logs", "logs:bytes", "logs:dropped")
"""By rollout id: when each log was written last (seconds, with their fraction: several logs can be written within one
second), its bytes, and how many of its oldest lines have gone."""

FORGET_LOG = """
local function forget_log(prefix, rollout, order, sizes, dropped)
  redis.call('DEL', prefix .. 'log:' .. rollout)
  redis.call('ZREM', order, rollout)
  redis.call('HDEL', sizes, rollout)
  redis.call('HDEL', dropped, rollout)
end
"""

# ARGV: the rollout id, the keys' prefix, the time, seconds kept, the limits (lines, bytes, bytes of all logs), overhead
# of a line, and the lines. A log that expired leaves its size behind: it goes with the next write.
_APPEND = (
    FORGET_LOG
    + """
local order, sizes, dropped = unpack(KEYS)
local rollout, prefix = ARGV[1], ARGV[2]
local at, seconds, lines_kept, log_bytes = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local all_bytes, overhead = tonumber(ARGV[7]), tonumber(ARGV[8])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', order, '-inf', at - seconds)) do
  forget_log(prefix, old, order, sizes, dropped)
end
local log = prefix .. 'log:' .. rollout
local size = redis.call('EXISTS', log) == 1 and tonumber(redis.call('HGET', sizes, rollout) or 0) or 0
for n = 9, #ARGV do
  redis.call('XADD', log, '*', 'line', ARGV[n])
  size = size + #ARGV[n] + overhead
end
local lines, gone = redis.call('XLEN', log), 0
while lines > 1 and (size > log_bytes or lines > lines_kept) do
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  redis.call('XDEL', log, oldest[1])
  size, lines, gone = math.max(0, size - #oldest[2][2] - overhead), lines - 1, gone + 1
end
redis.call('EXPIRE', log, seconds)
redis.call('ZADD', order, ARGV[3], rollout)
redis.call('HSET', sizes, rollout, size)
if gone > 0 then redis.call('HINCRBY', dropped, rollout, gone) end
local total = 0
for _, bytes in ipairs(redis.call('HVALS', sizes)) do total = total + tonumber(bytes) end
while total > all_bytes do
  local oldest = redis.call('ZRANGE', order, 0, 0)[1]
  if oldest == rollout then break end
  total = total - tonumber(redis.call('HGET', sizes, oldest) or 0)
  forget_log(prefix, oldest, order, sizes, dropped)
end
"""
)

Entries = list[tuple[str, dict[bytes, bytes]]]


class LedgerStreams(LedgerPart):
    """`events` (fields `type`, `at`, `data`), `log:<rollout id>` (field `line`), and LOG_KEYS."""

    log_bytes_kept, logs_bytes_kept = LOG_BYTES_KEPT, LOGS_BYTES_KEPT

    async def publish_event(self, kind: str, data: dict[str, Any]) -> None:
        """Appends an event: `type`, `at` (ISO 8601, UTC) and `data` (JSON)."""
        fields = {"type": kind, "at": now(), "data": json.dumps(data)}
        async with translated():
            await self._redis.xadd(self.key("events"), fields, maxlen=EVENTS_KEPT)  # type: ignore[arg-type]

    async def append_log(self, rollout_id: str, lines: Sequence[str]) -> None:
        """Appends lines to the rollout's log, which Redis forgets after 30 days, or earlier if it needs the memory."""
        keys = [self.key(name) for name in LOG_KEYS]
        limits = (LOG_LINES_KEPT, self.log_bytes_kept, self.logs_bytes_kept, LINE_OVERHEAD_BYTES)
        args = [rollout_id, self.key(""), *map(str, (time.time(), RECORD_SECONDS_KEPT, *limits))]
        async with translated():
            written = self._redis.eval(_APPEND, len(keys), *keys, *args, *map(shortened, lines))
            await cast(Awaitable[None], written)

    async def lines_dropped(self, rollout_id: str) -> int:
        """How many of the log's oldest lines have gone, because the log was too long."""
        async with translated():
            gone = await cast(Awaitable[bytes | None], self._redis.hget(self.key("logs:dropped"), rollout_id))
        return int(gone or 0)

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
        return [(id_, fields.get(b"line", b"").decode("utf-8", "replace")) for id_, fields in found]

    async def _after(self, name: str, last_id: str, block: float) -> Entries:
        key = self.key(name)
        wait = max(1, round(block * 1000)) if block > 0 else None  # Redis takes 0 for "for ever"
        async with translated(CALL_SECONDS + block):
            found = await self._redis.xread({key: last_id}, count=READ_AT_ONCE, block=wait)
        return [(id_.decode(), fields) for _, entries in found for id_, fields in entries]


def _event(fields: dict[bytes, bytes]) -> dict[str, Any]:
    """The event. An unreadable one has the type UNREADABLE and no data, so that a reader goes on after it."""
    try:
        data = json.loads(fields[b"data"])
        return {"type": fields[b"type"].decode(), "at": fields[b"at"].decode(), "data": data}
    except (KeyError, ValueError):
        return {"type": UNREADABLE, "at": "", "data": {}}
