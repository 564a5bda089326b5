"""The queue to the worker on a real Redis, with arq's worker in this process."""

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import job_key_prefix, result_key_prefix
from arq.worker import Worker

from app.domain.errors import WorkerSilent
from app.ledger import Ledger
from app.queue import ANSWER_SECONDS, Queue, open_pool, queue_name
from tests.fakes.source import FakeSource
from tests.fakes.world import World
from tests.integration.git.repositories import Repository
from tests.integration.redis.arq_worker import jobs_of, looked, working
from tests.integration.redis.loops import HurriedLoop
from tests.integration.waiting import until
from workers.adapters.arq_worker import build_worker
from workers.adapters.git_repo.mirror import GitSource
from workers.control.jobs import Jobs

pytestmark = pytest.mark.redis

AtWork = Callable[[], AbstractAsyncContextManager[Worker]]


@pytest.fixture
async def world() -> World:
    """v1.0.0 is live and no release waits, so a nudge ends at once."""
    world = World()
    await world.live("v1.0.0")
    return world


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
async def jobs(world: World, repository: Repository, tmp_path: Path) -> Jobs:
    return await jobs_of(world, GitSource(str(repository.path), tmp_path / "git", fetch_seconds=120))


@pytest.fixture
def at_work(jobs: Jobs, redis_url: str, namespace: str) -> AtWork:
    return lambda: working(jobs, redis_url, namespace)


async def values_with(pool: ArqRedis, prefix: str, word: str) -> Iterable[bytes]:
    """The values below `prefix` that contain `word`: all stacks of this Redis share arq's keys."""
    values = [await pool.get(key) for key in await pool.keys(f"{prefix}*")]
    return [value for value in values if value and word.encode() in value]


async def test_nudge_makes_the_worker_look(at_work: AtWork, world: World) -> None:
    async with at_work() as worker:
        await Queue(worker.pool).nudge()
        await until(lambda: looked(world))


async def test_nudges_of_a_burst_share_one_job(pool: ArqRedis) -> None:
    queue = Queue(pool)
    await asyncio.gather(*(queue.nudge() for _ in range(50)))
    assert await pool.zcard(pool.default_queue_name) == 1
    await queue.nudge()
    assert await pool.zcard(pool.default_queue_name) == 2, "a later release gets a nudge of its own"


async def test_call_during_a_nudge_gets_the_next_one(pool: ArqRedis) -> None:
    """The worker may look before the release of that call is recorded."""
    queue = Queue(pool)
    first = asyncio.create_task(queue.nudge())
    for _ in range(5):
        await asyncio.sleep(0)
    later = [asyncio.create_task(queue.nudge()) for _ in range(3)]
    await asyncio.sleep(0)
    later[0].cancel()
    await asyncio.gather(first, *later[1:])
    assert await pool.zcard(pool.default_queue_name) == 2


async def test_nudge_waits_for_the_worker_to_start(at_work: AtWork, world: World, pool: ArqRedis) -> None:
    await Queue(pool).nudge()
    async with at_work():
        await until(lambda: looked(world))


async def test_call_waits_until_the_journal_is_the_workers(
    world: World, redis_url: str, namespace: str, pool: ArqRedis
) -> None:
    """The queue is served from the worker's start on, but an earlier worker may still own the journal."""
    reconciler, before = world.worker(), world.state.epoch
    async with working(Jobs(world.stack, world.ports, reconciler), redis_url, namespace) as worker:
        asking = asyncio.create_task(Queue(pool).ask("pause", "wait"))
        await until(lambda: bool(worker.tasks))
        assert (world.state.paused, world.state.epoch) == (False, before)
        await reconciler.start()
        await asking
    assert (world.state.paused, world.state.epoch) == (True, before + 1)


async def test_a_question_is_answered(at_work: AtWork, repository: Repository, pool: ArqRedis) -> None:
    sha = repository.commit({"a": "1"})
    repository.tag("v1.1.0")
    async with at_work():
        assert await Queue(pool).ask("find_tag", "v1.1.0") == {"sha": sha}


@pytest.mark.parametrize(("tag", "code"), [("v9.9.9", "tag_not_found"), ("--upload-pack=x", "tag_invalid")])
async def test_named_error_is_returned_as_an_answer(at_work: AtWork, pool: ArqRedis, tag: str, code: str) -> None:
    async with at_work():
        answer = await Queue(pool).ask("find_tag", tag)
    assert answer["code"] == code
    assert tag in answer["error"]


async def test_question_is_carried_out_before_the_answer(at_work: AtWork, world: World, pool: ArqRedis) -> None:
    async with at_work():
        assert await Queue(pool).ask("pause", "why") == {}
        assert world.state.pause_reason == "why"
        assert await Queue(pool).ask("unpause") == {}
        assert not world.state.paused


async def test_crashing_question_answers_with_a_reference(
    world: World, pool: ArqRedis, redis_url: str, namespace: str
) -> None:
    class Broken(FakeSource):
        async def find(self, tag: str) -> str:
            raise KeyError(tag)

    async with working(await jobs_of(world, Broken()), redis_url, namespace):
        answer = await Queue(pool).ask("find_tag", "v1.1.0")
        assert (answer["code"], "KeyError in find_tag" in answer["error"]) == ("internal_error", True)
        with pytest.raises(WorkerSilent, match=r"ended without an answer: .*no_such_question"):
            await Queue(pool).ask("no_such_question", "v1.1.0")


def test_absent_worker_is_silent_after_the_limit(redis_url: str, namespace: str) -> None:
    async def ask() -> float:
        async with open_pool(redis_url, namespace) as pool:
            started = asyncio.get_running_loop().time()
            with pytest.raises(WorkerSilent, match=f"within {ANSWER_SECONDS:.0f} s"):
                await Queue(pool).ask("unpause")
            return asyncio.get_running_loop().time() - started

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        assert runner.run(ask()) >= ANSWER_SECONDS


async def test_timed_out_question_is_not_obeyed_later(
    at_work: AtWork, world: World, pool: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.queue.ANSWER_SECONDS", 0.2)
    with pytest.raises(WorkerSilent):
        await Queue(pool).ask("pause", "why")
    await Queue(pool).nudge()  # the nudge follows the question
    async with at_work():
        await until(lambda: looked(world))
    assert not world.state.paused


async def test_jobs_and_answers_are_json_on_the_wire(
    at_work: AtWork, repository: Repository, pool: ArqRedis, namespace: str
) -> None:
    tag = f"v1.1.0-{namespace}"
    repository.commit({"a": "1"})
    repository.tag(tag)
    job = await pool.enqueue_job("find_tag", tag)
    assert job is not None
    (raw,) = await values_with(pool, job_key_prefix, tag)
    assert json.loads(raw)["a"] == [tag]
    async with at_work():
        await job.result(timeout=60, poll_delay=0.05)
    (raw,) = await values_with(pool, result_key_prefix, tag)
    assert json.loads(raw)["s"] is True


async def test_pickle_in_the_queue_is_not_executed(
    at_work: AtWork, world: World, pool: ArqRedis, namespace: str, tmp_path: Path
) -> None:
    """Write access to Redis must not allow code execution next to the Docker socket."""
    canary = tmp_path / "canary"
    await pool.set(job_key_prefix + namespace, f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode())
    await pool.zadd(queue_name(namespace), {namespace: 1})
    async with at_work():
        await until(lambda: is_empty(pool, namespace))
        await Queue(pool).nudge()
        await until(lambda: looked(world))
    assert not canary.exists()


async def is_empty(pool: ArqRedis, namespace: str) -> bool:
    return not await pool.zcard(queue_name(namespace))


async def test_worker_is_alive_only_while_running(at_work: AtWork, ledger: Ledger) -> None:
    assert not await ledger.worker_alive()
    async with at_work():
        await until(ledger.worker_alive)
    assert not await ledger.worker_alive()


async def test_nudge_reaches_only_its_own_stack(
    at_work: AtWork, pool: ArqRedis, redis_url: str, namespace: str
) -> None:
    async with open_pool(redis_url, f"{namespace}-other") as other:
        await Queue(other).nudge()
        async with at_work():
            await Queue(pool).ask("unpause")
        assert await other.zcard(queue_name(f"{namespace}-other")) == 1


async def test_stacks_on_one_redis_look_each_minute(jobs: Jobs, redis_url: str, namespace: str) -> None:
    now = datetime.now(UTC).replace(second=30)  # not as the minute begins, when the first look is still to come
    looks = []
    for name in (namespace, f"{namespace}-other"):
        async with open_pool(redis_url, name) as pool:
            worker = build_worker(jobs, pool, name)
            await worker.run_cron(now, 0)
            await worker.run_cron(now + timedelta(minutes=1), 0)
            looks.append(await pool.zcard(queue_name(name)))
    assert looks == [1, 1]


async def test_clock_set_ahead_causes_no_extra_looks(jobs: Jobs, pool: ArqRedis, namespace: str) -> None:
    """arq would run one look for each skipped minute."""
    worker, yesterday = build_worker(jobs, pool, namespace), datetime.now(UTC) - timedelta(days=1)
    await worker.run_cron(yesterday, 0)
    worker._latest = yesterday.timestamp()  # type: ignore[attr-defined]
    await worker._poll_iteration()
    (look,) = worker.cron_jobs
    assert look.next_run is not None
    assert look.next_run > datetime.now(UTC) - timedelta(minutes=1)


async def test_clock_set_back_keeps_the_worker_looking(
    jobs: Jobs, pool: ArqRedis, namespace: str, ledger: Ledger
) -> None:
    worker, now = build_worker(jobs, pool, namespace), datetime.now(UTC)
    await worker.run_cron(now + timedelta(days=1), 0)
    worker._last_health_check = worker._latest = (now + timedelta(days=1)).timestamp()  # type: ignore[attr-defined]
    await pool.enqueue_job("unpause", _defer_until=now + timedelta(days=1))
    await worker._poll_iteration()
    assert await is_empty(pool, namespace)
    assert await ledger.worker_alive()
    (look,) = worker.cron_jobs
    assert look.next_run is not None
    assert look.next_run <= now + timedelta(minutes=2)
