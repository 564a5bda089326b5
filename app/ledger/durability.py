"""Checks whether Redis keeps every write that it confirmed, which every 202 answer promises.

https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, cast

from redis.exceptions import ResponseError

from app.ledger.base import LedgerPart, translated

_FSYNC = "appendfsync is {0}: a power cut can lose a release that was accepted with 202. Set appendfsync always."
_APPEND = "appendonly is off: a restart of Redis can lose releases that were accepted with 202. Set appendonly yes."
_EVICTS = "maxmemory-policy is {0}: Redis may drop accepted releases when it is full. Set maxmemory-policy noeviction."
_REPLICA = "this Redis is a read-only replica: nothing can be recorded. Point REDIS_URL at the primary."
_FAILING = "Redis could not write its append-only file: new releases can be lost. Check its disk and log."


@dataclass(frozen=True)
class Memory:
    """What Redis uses, and its `maxmemory` (0: none), in bytes."""

    used: int
    most: int


class Durability(LedgerPart):
    async def ping(self) -> None:
        async with translated():
            await cast(Awaitable[bool], self._redis.ping())

    async def worker_alive(self) -> bool:
        """Whether the worker's heartbeat exists; the worker writes it every ten seconds."""
        async with translated():
            return bool(await self._redis.exists(self.key("worker")))

    async def memory(self) -> Memory:
        """The memory of the server. Other programs may share it."""
        async with translated():
            info = await self._redis.info("memory")
        return Memory(int(info.get("used_memory", 0)), int(info.get("maxmemory", 0)))

    async def durability(self) -> list[str]:
        """The problems of the server's settings, each with what to do; empty if it keeps every confirmed write.

        If CONFIG is forbidden, as on some hosted servers, INFO still provides everything except `appendfsync`.
        """
        async with translated():
            info = await self._redis.info("everything")
            return _missing(info, await self._config("appendfsync"))

    async def _config(self, name: str) -> str | None:
        try:
            settings: dict[str, str] = await self._redis.config_get(name)
        except ResponseError:  # NOPERM, or an unknown command
            return None
        return settings.get(name)


def _missing(info: dict[str, Any], fsync: str | None) -> list[str]:
    policy = info.get("maxmemory_policy", "noeviction")
    table = (
        (not info.get("aof_enabled"), _APPEND),
        (bool(info.get("aof_enabled")) and fsync not in {None, "always"}, _FSYNC.format(fsync)),
        (info.get("aof_last_write_status", "ok") != "ok", _FAILING),
        (policy != "noeviction", _EVICTS.format(policy)),
        (info.get("role") == "slave" and info.get("slave_read_only") == 1, _REPLICA),
    )
    return [text for applies, text in table if applies]
