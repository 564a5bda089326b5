"""The contract of the lease, tested on Redis: with one worker in a process of its own, as on another machine."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.domain.errors import StaleWorker
from tests.integration.contracts.test_lease import BEAT, SHORT, Holder, LeaseBench, LeaseContract, real_holder
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import until
from workers.adapters.disk.journal import FileJournal
from workers.adapters.redis_lease import RedisLease

HOLDER = """
import asyncio, sys
from redis.asyncio import Redis
from workers.adapters.disk.journal import FileJournal
from workers.adapters.redis_lease import RedisLease

async def hold():
    redis = Redis.from_url(sys.argv[1])
    lease = RedisLease(redis, sys.argv[2], "other", beat=float(sys.argv[3]), lease=float(sys.argv[4]))
    async with lease.held():
        print("held", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(lease.taken, flush=True)
    await redis.aclose()

asyncio.run(hold())
"""


class RedisLeaseBench:
    silence = SHORT

    def __init__(self, redis: Redis, url: str, key: str) -> None:
        self._redis, self._url, self._key = redis, url, key

    def other_worker(self) -> AbstractAsyncContextManager[Holder]:
        return real_holder(HOLDER, self._url, self._key, str(BEAT), str(SHORT))

    def of(self, machine: str | None) -> RedisLease:
        return RedisLease(self._redis, self._key, machine, beat=BEAT, lease=SHORT)

    def lease(self, wait: float) -> AbstractAsyncContextManager[None]:
        return self.of(None).held(wait)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def of_redis(redis: Redis, redis_url: str, namespace: str) -> RedisLeaseBench:
    return RedisLeaseBench(redis, redis_url, f"{namespace}:lease")


class TestRedisLease(LeaseContract):
    @pytest.fixture
    def bench(self, of_redis: RedisLeaseBench) -> LeaseBench:
        return of_redis

    async def test_a_killed_workers_lease_is_free(self, bench: LeaseBench) -> None:
        """From another machine, a worker that was killed looks like one that is suspended."""
        async with bench.other_worker() as holder:
            holder.kill()
            with pytest.raises(StaleWorker):
                async with bench.lease(0):
                    pass
            async with bench.lease(4 * bench.silence):
                pass


async def test_next_worker_of_a_machine_takes_over_at_once(of_redis: RedisLeaseBench) -> None:
    """It holds the machine's lock, so the one before has ended."""
    async with of_redis.other_worker() as holder:
        holder.kill()
        async with of_redis.of("other").held(0):
            pass


async def test_each_lease_has_a_higher_epoch(of_redis: RedisLeaseBench) -> None:
    epochs = []
    for machine in ("one", "two", "one"):
        lease = of_redis.of(machine)
        async with lease.held(0):
            epochs.append(lease.epoch)
    assert epochs == sorted(set(epochs))


async def test_lease_that_redis_lost_is_taken_when_it_ends(own_server: OwnRedis) -> None:
    """Without Redis, nothing says that no other worker has it."""
    async with Redis.from_url(own_server.url) as redis:
        lease = RedisLease(redis, "lease", None, beat=BEAT, lease=SHORT)
        async with lease.held(0):
            own_server.stop()
            assert not lease.taken
            await until(lambda: lease.taken)
            own_server.start()


async def test_no_lease_without_redis(own_server: OwnRedis) -> None:
    async with Redis.from_url(own_server.url) as redis:
        own_server.stop()
        with pytest.raises(StaleWorker, match="Redis does not answer"):
            async with RedisLease(redis, "lease", None, beat=BEAT, lease=SHORT).held(0):
                pass


async def test_worker_without_its_lease_writes_nothing(own_server: OwnRedis, tmp_path: Path) -> None:
    """As it is wired: the journal of each manager is a file of its own."""
    async with Redis.from_url(own_server.url) as redis:
        lease = RedisLease(redis, "lease", "n1", beat=BEAT, lease=SHORT)
        journal = FileJournal(tmp_path / "state.json", elsewhere=lambda: lease.taken)
        async with lease.held():
            await journal.update(lambda state: replace(state, epoch=1))
            own_server.stop()

            async def is_refused() -> bool:
                try:
                    await journal.check()
                except StaleWorker:
                    return True
                return False

            await until(is_refused)
            with pytest.raises(StaleWorker):
                await journal.update(lambda state: replace(state, paused=True))
    assert FileJournal(tmp_path / "state.json").load().paused is False
