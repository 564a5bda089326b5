"""The internals of arq that workers/adapters/arq_worker.py uses. Run these tests before you raise arq's version."""

from datetime import UTC, datetime, timedelta

from arq.connections import ArqRedis
from arq.cron import cron
from arq.worker import Worker, func

from app.queue import dump, load, queue_name

A_DAY = timedelta(days=1)


async def nothing(_: object) -> None:
    """A job."""


def plain_arq_worker(pool: ArqRedis, namespace: str) -> Worker:
    return Worker(
        functions=[func(nothing, name="nothing")],  # type: ignore[arg-type]
        cron_jobs=[cron(nothing, name="look", second=0, unique=False)],  # type: ignore[arg-type]
        redis_pool=pool,
        queue_name=queue_name(namespace),
        max_jobs=2,
        handle_signals=False,
        job_serializer=dump,
        job_deserializer=load,
    )


async def test_a_job_takes_a_slot_and_gives_it_back(pool: ArqRedis, namespace: str) -> None:
    worker = plain_arq_worker(pool, namespace)
    free = worker.sem._value
    job = await pool.enqueue_job("nothing", _queue_name=queue_name(namespace))
    assert job is not None
    await worker.start_jobs([job.job_id.encode()])
    assert list(worker.tasks) == [job.job_id]
    assert (worker.job_counter, worker.sem._value) == (1, free - 1)
    await worker.tasks[job.job_id]
    await worker._poll_iteration()
    assert (worker.job_counter, worker.sem._value, worker.tasks) == (0, free, {})


async def test_heartbeat_is_renewed_when_old(pool: ArqRedis, namespace: str) -> None:
    worker = plain_arq_worker(pool, namespace)
    worker._last_health_check = 0
    await worker.heart_beat()
    assert await pool.exists(worker.health_check_key)
    assert worker._last_health_check > 0


async def test_cron_catches_up_minute_by_minute(pool: ArqRedis, namespace: str) -> None:
    worker, yesterday = plain_arq_worker(pool, namespace), datetime.now(UTC) - A_DAY
    (look,) = worker.cron_jobs
    await worker.run_cron(yesterday, 0)
    first = look.next_run
    await worker.run_cron(yesterday + A_DAY, 0)
    assert first is not None
    assert look.next_run == first + timedelta(minutes=1)


async def test_cron_schedules_a_job_without_next_run(pool: ArqRedis, namespace: str) -> None:
    worker, now = plain_arq_worker(pool, namespace), datetime.now(UTC)
    await worker.run_cron(now, 0)
    (look,) = worker.cron_jobs
    assert look.next_run is not None
    assert look.next_run > now
