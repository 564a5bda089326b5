"""Status, records, results and the history, newest first."""

import json
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from typing import Any, cast

from redis.asyncio.client import Pipeline

from app.domain.history import HistoryEntry
from app.domain.release import Release, Trigger
from app.ledger.base import RECORD_SECONDS_KEPT, LedgerPart, json_object, now, translated
from app.ledger.releases import MANUAL, RELEASES_KEPT, ids_of
from app.ledger.streams import FORGET_LOG, LOG_KEYS
from app.stored import RELEASE, read_entry

TRAFFIC_SECONDS_KEPT = 600
HISTORY_KEPT = 1_000
"""How many entries are kept. The record, the result and the log of a rollout go with its entry."""

# ARGV: releases kept, the number of history entries, the time, the entries, then key, id and value of each release.
_RESTORE = """
local history, releases, order, generation = unpack(KEYS)
local kept, entries, at = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
redis.call('DEL', history)
for n = 4, 3 + entries do redis.call('RPUSH', history, ARGV[n]) end
for n = 4 + entries, #ARGV, 3 do
  if redis.call('HSETNX', releases, ARGV[n], ARGV[n + 2]) == 1 then redis.call('ZADD', order, ARGV[n + 1], ARGV[n]) end
end
redis.call('SETNX', generation, at)
"""

# A later entry of a rollout replaces an earlier one, as in the history on disk: an earlier attempt may have been
# interrupted, or published but not yet in the state file when the worker was killed. With the oldest entry go the
# record, the result and the log of its rollout.
_ADD = (
    FORGET_LOG
    + """
local history, order, sizes, dropped = unpack(KEYS)
local entry, rollout, kept, prefix = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local function rollout_in(known)
  local readable, fields = pcall(cjson.decode, known)
  return readable and type(fields) == 'table' and type(fields['rollout_id']) == 'string' and fields['rollout_id']
end
for _, known in ipairs(redis.call('LRANGE', history, 0, -1)) do
  local named = string.find(known, rollout, 1, true)
  if named and rollout_in(known) == rollout then redis.call('LREM', history, 0, known) end
end
redis.call('LPUSH', history, entry)
while redis.call('LLEN', history) > kept do
  local old = rollout_in(redis.call('RPOP', history))
  if old then
    redis.call('DEL', prefix .. 'rollout:' .. old, prefix .. 'result:' .. old)
    forget_log(prefix, old, order, sizes, dropped)
  end
end
"""
)


class Results(LedgerPart):
    """`status`, `traffic`, `last_result`, `result:<rollout id>`, `rollout:<rollout id>` (JSON), `history` (list).

    And `generation`.
    """

    history_kept = HISTORY_KEPT

    async def publish_status(self, status: dict[str, Any], record: dict[str, Any] | None = None) -> None:
        """Keeps the status and, in one transaction, the `record` of its rollout: readers see both or neither."""
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self.key("status"), json.dumps(status))
            if record is not None:
                self._keep_record(pipe, record)
            await pipe.execute()

    async def publish_traffic(self, series: dict[str, Any]) -> None:
        """Keeps the answers that clients got lately for TRAFFIC_SECONDS_KEPT, so that old ones do not look new."""
        async with translated():
            await self._redis.set(self.key("traffic"), json.dumps(series), ex=TRAFFIC_SECONDS_KEPT)

    async def traffic(self) -> dict[str, Any] | None:
        """The series that the worker published last; None if it has not for a while."""
        return await self._read("traffic")

    async def status(self) -> dict[str, Any] | None:
        """The status that the worker published last; None before the first."""
        return json_object(await self.status_text())

    async def status_text(self) -> bytes | None:
        """The status as the worker wrote it; None before the first."""
        async with translated():
            text: bytes | None = await self._redis.get(self.key("status"))
        return text

    async def publish_record(self, record: dict[str, Any]) -> None:
        """Keeps the whole record of a running or ended rollout, under its `rollout_id`, for 30 days."""
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            self._keep_record(pipe, record)
            await pipe.execute()

    def _keep_record(self, pipe: Pipeline, record: dict[str, Any]) -> None:
        pipe.set(self.key(f"rollout:{record['rollout_id']}"), json.dumps(record), ex=RECORD_SECONDS_KEPT)

    async def record(self, rollout_id: str) -> dict[str, Any] | None:
        """The whole record of that rollout; None before it began, and after 30 days."""
        return await self._read(f"rollout:{rollout_id}")

    async def records(self, rollout_ids: Sequence[str]) -> list[dict[str, Any]]:
        """The records of those rollouts that have one, in their order."""
        if not rollout_ids:
            return []
        async with translated():
            values = await self._redis.mget([self.key(f"rollout:{rollout_id}") for rollout_id in rollout_ids])
        return [record for value in values if (record := json_object(value)) is not None]

    async def record_result(self, result: dict[str, Any], entry: HistoryEntry) -> None:
        """Keeps a final result and its history entry, in one transaction."""
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self.key(f"result:{result['rollout_id']}"), json.dumps(result), ex=RECORD_SECONDS_KEPT)
            pipe.set(self.key("last_result"), json.dumps(result))
            self._add(pipe, entry)
            await pipe.execute()

    async def record_decision(self, entry: HistoryEntry) -> None:
        """Keeps the history entry of a release that was decided without a rollout."""
        async with translated(), self._redis.pipeline(transaction=True) as pipe:
            self._add(pipe, entry)
            await pipe.execute()

    def _add(self, pipe: Pipeline, entry: HistoryEntry) -> None:
        """Adds `entry`, replacing any earlier entry of its rollout. Its release is then decided."""
        if not entry.undecided:
            pipe.hdel(self.key(MANUAL), entry.key)
        keys = [self.key(name) for name in ("history", *LOG_KEYS)]
        pipe.eval(_ADD, len(keys), *keys, _json(entry), entry.rollout_id, str(self.history_kept), self.key(""))

    async def history(self, limit: int, before: str | None = None) -> list[HistoryEntry]:
        """The last `limit` entries, newest first; with `before`, those older than the entry of that rollout id.

        Leaves out what this version cannot read.
        """
        newest = await self._entries(limit) if before is None else []
        if newest and all(newest):
            return [entry for entry in newest if entry]
        entries = [entry for entry in await self._entries() if entry]
        if before is None:
            return entries[:limit]
        at = max((n for n, e in enumerate(entries) if e.rollout_id == before), default=len(entries))
        return entries[at + 1 : at + 1 + limit]

    async def _entries(self, count: int = 0) -> list[HistoryEntry | None]:
        """The last `count` entries, or all; None for each that this version cannot read."""
        async with translated():
            values = await cast(Awaitable[list[bytes]], self._redis.lrange(self.key("history"), 0, count - 1))
        return [read_entry(value) for value in values]

    async def last_result(self) -> dict[str, Any] | None:
        """The final result of the rollout that ended last; None before the first."""
        return await self._read("last_result")

    async def result(self, rollout_id: str) -> dict[str, Any] | None:
        """The final result of that rollout; None while it has none, and after 30 days."""
        return await self._read(f"result:{rollout_id}")

    async def lost(self) -> bool:
        """Whether Redis is empty or has lost its data: the key that `restore` sets is missing."""
        async with translated():
            return not await self._redis.exists(self.key("generation"))

    async def restore(self, entries: Sequence[HistoryEntry]) -> None:
        """Replaces the history with `entries` (newest first), records their releases, and sets the `generation` key.

        Atomic.
        """
        kept = [_json(entry) for entry in entries[: self.history_kept]]
        known = [word for entry in entries if (words := _release_of(entry)) for word in words]
        keys = [self.key(k) for k in ("history", "releases", "releases:order", "generation")]
        args = [str(RELEASES_KEPT), str(len(kept)), now(), *kept, *known]
        async with translated():
            await cast(Awaitable[None], self._redis.eval(_RESTORE, len(keys), *keys, *args))


def _json(entry: HistoryEntry) -> str:
    return json.dumps(asdict(entry))


def _release_of(entry: HistoryEntry) -> tuple[str, str, str] | None:
    """Key, release id and recorded value of a history entry's release; None for a manual one."""
    _, id_ = ids_of(entry.key)
    if id_ == "manual":
        return None
    release = Release(
        key=entry.key,
        tag=entry.tag,
        rollout_id=entry.rollout_id,
        trigger=Trigger.WEBHOOK,
        accepted_at=entry.at,
    )
    return entry.key, id_, RELEASE.built.dump_json(release).decode()
