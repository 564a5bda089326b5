"""Allows one worker per stack on several machines: a lease in Redis, which a worker loses if it does not renew it.

A lock of the kernel does not reach another machine. So a worker of a swarm holds both: the lock, against another one on
its machine, and this lease.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from typing import cast
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.errors import StaleWorker
from workers.adapters.disk.lease import BEAT_SECONDS, LEASE_SECONDS, POLL_SECONDS, WAIT_SECONDS

ACQUIRE = """
local owner = redis.call('get', KEYS[1])
local mine = ARGV[3] ~= '' and owner and string.sub(owner, 1, #ARGV[3]) == ARGV[3]
if owner and not mine then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return redis.call('incr', KEYS[2])
"""
"""Takes a lease that is free, or held by an earlier worker of this machine. Returns the number of leases so far."""

RENEW = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('pexpire', KEYS[1], ARGV[2])"
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

log = structlog.get_logger()


class RedisLease:
    """The lease `key`. `machine`: a name that only this machine has; None: also its own earlier lease has to end first.

    With a `machine`, the caller must hold the lock of the machine: a worker that was killed holds its lease until it
    ends, and the next one on the same machine takes it over at once.
    """

    def __init__(
        self, redis: Redis, key: str, machine: str | None, *, beat: float = BEAT_SECONDS, lease: float = LEASE_SECONDS
    ) -> None:
        self._redis, self._key, self._machine = redis, key, machine
        self._owner = f"{machine or 'unknown'}/{uuid4().hex}"
        self._beat, self._lease = beat, lease
        self._ends: float | None = None
        self.epoch = 0

    @contextlib.asynccontextmanager
    async def held(self, wait: float = WAIT_SECONDS) -> AsyncIterator[None]:
        """Waits for the lease and renews it. Raises StaleWorker if another worker keeps it, or without Redis."""
        await self._acquire(wait)
        renewing = asyncio.create_task(self._renew_on())
        try:
            yield
        finally:
            renewing.cancel()
            self._ends = None
            with contextlib.suppress(RedisError):
                await self._run(RELEASE, self._owner)

    @property
    def taken(self) -> bool:
        """Whether another worker may have the lease now: it was not renewed in time. Asks nothing.

        Time is CLOCK_BOOTTIME, which also passes while this machine is suspended.
        """
        return self._ends is not None and _now() >= self._ends

    async def _acquire(self, wait: float) -> None:
        deadline, why = time.monotonic() + wait, ""
        while True:
            asked = _now()
            try:
                self.epoch = await self._run(ACQUIRE, self._owner, self._milliseconds, self._prefix)
                why = "a worker on another machine holds it. Run only one worker per stack"
            except RedisError as error:
                self.epoch, why = 0, f"Redis does not answer ({error})"
            if self.epoch:
                self._ends = asked + self._lease
                return
            if time.monotonic() > deadline:
                raise StaleWorker(f"the lease {self._key} cannot be taken: {why}.")
            await asyncio.sleep(min(POLL_SECONDS, self._beat))

    async def _renew_on(self) -> None:
        while True:
            await asyncio.sleep(self._beat)
            asked = _now()
            try:
                renewed = await self._run(RENEW, self._owner, self._milliseconds)
            except RedisError as error:
                log.warning("the lease could not be renewed", reason=str(error))
                continue
            if not renewed:
                self._ends = asked
                return
            if not self.taken:
                self._ends = asked + self._lease

    async def _run(self, script: str, *arguments: str) -> int:
        keys = (self._key, f"{self._key}:epoch")
        return int(await cast(Awaitable[int], self._redis.eval(script, len(keys), *keys, *arguments)))

    @property
    def _milliseconds(self) -> str:
        return str(round(self._lease * 1000))

    @property
    def _prefix(self) -> str:
        return f"{self._machine}/" if self._machine else ""


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
