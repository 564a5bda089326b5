"""The queue and the worker survive an outage of Redis."""

import asyncio
from collections.abc import Coroutine

import pytest
from redis.exceptions import RedisError

from app.domain.errors import LedgerUnavailable
from app.ledger import Ledger
from app.queue import Queue, open_pool, queue_name
from tests.fakes.source import FakeSource
from tests.fakes.world import World
from tests.integration.redis.arq_worker import jobs_of, looked, working
from tests.integration.redis.loops import HURRY, HurriedLoop, PatientLoop
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import LIMIT, until
from workers.adapters.arq_worker import SLOTS, build_worker
from workers.control.jobs import Jobs

pytestmark = pytest.mark.redis

AWAY_SECONDS = 60.0
GITHUB_SECONDS = 10.0


@pytest.fixture
def world() -> World:
    """No release waits, so a nudge ends at once."""
    return World()


@pytest.fixture
async def jobs(world: World) -> Jobs:
    return await jobs_of(world)


async def test_nudge_survives_a_redis_restart(jobs: Jobs, world: World, own_server: OwnRedis) -> None:
    async with open_pool(own_server.url, "x") as pool:
        await Queue(pool).nudge()
    own_server.kill()
    own_server.start()
    async with working(jobs, own_server.url, "x"):
        await until(lambda: looked(world))


def patiently(test: Coroutine[None, None, None]) -> None:
    """Runs `test` in a loop in which a slow machine can restart Redis within the three seconds of the retries."""
    with asyncio.Runner(loop_factory=PatientLoop) as runner:
        runner.run(test)


def test_interrupted_nudge_is_queued_once(own_server: OwnRedis) -> None:
    """The server is stopped at the nudge's write, and ends there."""

    async def interrupted() -> None:
        async with open_pool(own_server.url, "x") as pool, open_pool(own_server.url, "x") as other:
            await other.client_pause(600_000, all=False)
            nudging = asyncio.create_task(Queue(pool).nudge())

            async def stopped() -> bool:
                return int((await other.info("clients"))["blocked_clients"]) == 1

            await until(stopped)
            await asyncio.to_thread(own_server.kill)
            await asyncio.to_thread(own_server.start)
            await nudging
            assert await pool.zcard(queue_name("x")) == 1

    patiently(interrupted())


def test_web_survives_a_redis_restart(own_server: OwnRedis) -> None:
    async def restarted() -> None:
        async with open_pool(own_server.url, "x") as pool:
            await Queue(pool).nudge()
            await asyncio.to_thread(own_server.kill)
            nudging = asyncio.create_task(Queue(pool).nudge())
            await asyncio.to_thread(own_server.start)
            await nudging
            assert await pool.zcard(queue_name("x")) == 2

    patiently(restarted())


async def test_worker_survives_a_redis_restart(jobs: Jobs, world: World, own_server: OwnRedis) -> None:
    async with working(jobs, own_server.url, "x"):
        await until(lambda: _is_alive(own_server))
        await asyncio.to_thread(own_server.kill)
        await asyncio.to_thread(own_server.start)
        async with open_pool(own_server.url, "x") as pool:
            await Queue(pool).nudge()
            await until(lambda: looked(world))


async def test_worker_starts_before_redis_is_available(jobs: Jobs, world: World, own_server: OwnRedis) -> None:
    """Checks the queue, not the log: the worker may wait for Redis, or be restarted."""
    await asyncio.to_thread(own_server.stop)
    async with working(jobs, own_server.url, "x"):
        with pytest.raises(LedgerUnavailable):
            async with open_pool(own_server.url, "x") as pool:
                await Queue(pool).nudge()
        await asyncio.to_thread(own_server.start)
        async with open_pool(own_server.url, "x") as pool:
            await Queue(pool).nudge()
            await until(lambda: looked(world))


async def test_job_that_fails_to_start_frees_its_slot(jobs: Jobs, world: World, own_server: OwnRedis) -> None:
    async with open_pool(own_server.url, "x") as pool:
        worker = build_worker(jobs, pool, "x")
        await asyncio.to_thread(own_server.stop)
        for _ in range(SLOTS + 1):
            with pytest.raises((RedisError, OSError)):
                await worker.start_jobs([b"a job"])
        await asyncio.to_thread(own_server.start)
        await Queue(pool).nudge()
        await worker._poll_iteration()
        await until(lambda: looked(world))


async def test_running_job_keeps_one_slot(world: World, own_server: OwnRedis) -> None:
    """The running job stays in the queue, so each poll of the queue finds it again."""
    begun, over = asyncio.Event(), asyncio.Event()

    class Slow(FakeSource):
        async def find(self, tag: str) -> str:
            begun.set()
            await over.wait()
            return tag

    jobs = await jobs_of(world, Slow())
    async with working(jobs, own_server.url, "x") as worker, open_pool(own_server.url, "x") as pool:
        asking = asyncio.create_task(Queue(pool).ask("find_tag", "v1.1.0"))
        await begun.wait()
        for _ in range(SLOTS + 1):
            await worker.start_jobs([name.encode() for name in worker.tasks])
        assert worker.job_counter == 1
        over.set()
        assert await asking == {"sha": "v1.1.0"}


async def test_worker_stops_in_time_without_redis(jobs: Jobs, own_server: OwnRedis) -> None:
    async with asyncio.timeout(LIMIT), working(jobs, own_server.url, "x"):
        await until(lambda: _is_alive(own_server))
        await asyncio.to_thread(own_server.stop)


async def _is_alive(server: OwnRedis) -> bool:
    async with open_pool(server.url, "x") as pool:
        return await Ledger(pool, "x").worker_alive()


def test_worker_survives_a_long_redis_outage(world: World, jobs: Jobs, own_server: OwnRedis) -> None:
    """If the worker ended, its rollout would end too."""

    async def outage() -> None:
        async with working(jobs, own_server.url, "x"):
            await until(lambda: _is_alive(own_server), limit=LIMIT * HURRY)
            await asyncio.to_thread(own_server.kill)
            await asyncio.sleep(AWAY_SECONDS)
            await asyncio.to_thread(own_server.start)
            async with open_pool(own_server.url, "x") as pool:
                await Queue(pool).nudge()
            await until(lambda: looked(world), limit=LIMIT * HURRY)

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        runner.run(outage())


async def test_long_outage_raises_within_githubs_limit(own_server: OwnRedis) -> None:
    """A webhook has to be answered within ten seconds."""
    async with open_pool(own_server.url, "x") as pool:
        await asyncio.to_thread(own_server.stop)
        async with asyncio.timeout(GITHUB_SECONDS):
            with pytest.raises(LedgerUnavailable):
                await Queue(pool).nudge()
        with pytest.raises(LedgerUnavailable):
            await Queue(pool).ask("unpause")
