"""arq's worker: the only module that uses arq's internals, so arq's version is pinned.

arq is in maintenance mode. This module uses `_poll_iteration`, `start_jobs`, `sem`, `job_counter`, `tasks`,
`_release_sem_dec_counter_on_complete` and `_last_health_check`; tests/integration/contracts/test_arq.py checks each.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import structlog
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.cron import cron
from arq.utils import poll
from arq.worker import Worker, func

from app.domain.errors import LedgerUnavailable, StaleWorker
from app.ledger.base import translated
from app.queue import dump, load, queue_name

QUESTION_SECONDS = 15.0
NUDGE_SECONDS = 24 * 3600.0
"""A nudge lasts as long as the rollouts that it started. Each of their steps has its own limit."""

ANSWER_KEPT_SECONDS = 60
SLOTS = 10
POLL_SECONDS = 0.1
"""How often to ask Redis for jobs. It is short because a caller waits for each answer."""

HEALTH_SECONDS = 10

END_SECONDS = 15.0
"""How long running jobs may take to end when the worker ends: a Redis that hangs would hold them forever."""

JUMP_SECONDS = 60.0
"""A larger jump ahead in the time of day means that the clock was set, or that this process was suspended."""

STEP_SECONDS = 1.0
"""A larger jump back in the time of day means that the clock was set back."""

log = structlog.get_logger()
Job = Callable[..., Awaitable[Any]]


class QueueJobs(Protocol):
    """The jobs that the queue runs. `replaced`: another worker has taken over, and this one must end."""

    @property
    def replaced(self) -> bool: ...
    async def nudge(self, context: dict[str, Any], /) -> None: ...
    def questions(self) -> Mapping[str, Job]: ...


class SteadyWorker(Worker):
    """arq's worker that survives an outage of Redis, because a rollout may be running in it.

    Raises StaleWorker when `replaced` returns that another worker has taken over.
    """

    def __init__(self, *, replaced: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._replaced = replaced
        self._latest = time.time()
        self._running = 0

    async def main(self) -> None:
        """Polls for jobs. arq's own method queries Redis first and ends if Redis does not answer."""
        self.ctx["redis"] = self.pool
        async for _ in poll(self.poll_delay_s):
            await self._poll_iteration()

    async def _poll_iteration(self) -> None:
        if self._replaced():
            raise StaleWorker("this worker ends")
        try:
            async with translated():
                await self._follow_the_clock()
                await super()._poll_iteration()
        except LedgerUnavailable as away:
            log.warning("Redis does not answer; jobs wait, a running rollout continues", reason=str(away))

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Starts jobs and always frees unused slots.

        arq's own method keeps the slot of a job that it could not take because Redis failed, and delays its health
        check until a slot is free: in the end the worker would answer no question.
        """
        for job_id in job_ids:
            if (name := job_id.decode()) in self.tasks:
                continue  # a running job stays in the queue until it has ended
            if self.job_counter >= self.max_jobs:
                return
            try:
                await super().start_jobs([job_id])
            finally:
                self._running += name in self.tasks
                self._give_slots_back()

    def _give_slots_back(self) -> None:
        """Frees the slots that no job uses. arq may have freed some itself."""
        while self.job_counter > self._running:
            self.job_counter -= 1
            self.sem.release()

    def _release_sem_dec_counter_on_complete(self) -> None:
        self._running -= 1
        super()._release_sem_dec_counter_on_complete()

    async def close(self) -> None:
        """Ends the jobs. Deletes the health check key if Redis answers; else the key expires."""
        self.handle_sig(signal.SIGUSR1)
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=END_SECONDS)
        with contextlib.suppress(LedgerUnavailable):
            async with translated():
                await self.pool.delete(self.health_check_key)

    async def _follow_the_clock(self) -> None:
        """Handles a change of the system clock, because arq schedules by the time of day.

        If the clock is set back by a day, arq would pause its cron jobs and health check for a day, and then run
        requests that their callers gave up long ago. If it is set ahead by a day, arq would run the cron job once for
        each minute in between.
        """
        now, before = time.time(), self._latest
        if now < before - STEP_SECONDS:
            log.warning("the clock was set back; dropping earlier requests", seconds=round(before - now))
            await self.pool.zremrangebyscore(self.queue_name, (now + STEP_SECONDS) * 1000, "+inf")
            self._last_health_check = 0
        if now < before - STEP_SECONDS or now > before + JUMP_SECONDS:
            for job in self.cron_jobs:
                job.next_run = None
        self._latest = now


def build_worker(
    jobs: QueueJobs, pool: ArqRedis, namespace: str, *, hide: Callable[[Any], Any] = lambda value: value
) -> Worker:
    """Builds arq's worker for `jobs`: JSON on the wire, no retries, no signal handlers.

    `hide` redacts the answers, and exceptions in their place. The worker's `main` raises StaleWorker when another
    worker has taken over.
    """
    limits: dict[str, Any] = {"timeout": QUESTION_SECONDS, "keep_result": ANSWER_KEPT_SECONDS, "max_tries": 1}
    # Not unique: arq's id for a unique job has no namespace, so of two stacks on one Redis only one would run it.
    every_minute: dict[str, Any] = {"second": 0, "unique": False, "keep_result": 0, "timeout": NUDGE_SECONDS}
    return SteadyWorker(
        replaced=lambda: jobs.replaced,
        functions=[
            func(jobs.nudge, name="nudge", timeout=NUDGE_SECONDS, keep_result=0, max_tries=1),  # type: ignore[arg-type]
            *(func(_in_time(ask), name=name, **limits) for name, ask in jobs.questions().items()),  # type: ignore[arg-type]
        ],
        cron_jobs=[cron(jobs.nudge, name="look", **every_minute)],  # type: ignore[arg-type]
        redis_pool=pool,
        queue_name=queue_name(namespace),
        health_check_key=f"{namespace}:worker",
        health_check_interval=HEALTH_SECONDS,
        max_jobs=SLOTS,
        handle_signals=False,
        poll_delay=POLL_SECONDS,
        job_serializer=lambda value: dump(hide(load(dump(value)))),  # an exception is text only after the first `dump`
        job_deserializer=load,
        ctx={},
    )


def _in_time(question: Job) -> Job:
    """Ends `question` when its job expires in Redis: its caller has given up then, and may ask again.

    arq does not start a job that has expired, but one that has begun may wait, as for the start of this worker.
    """

    async def ask(context: dict[str, Any], *args: Any) -> Any:
        left = await context["redis"].pttl(f"{job_key_prefix}{context['job_id']}") / 1000
        if left <= 0:
            raise TimeoutError("the caller has given up")
        async with asyncio.timeout(left):
            return await question(context, *args)

    return ask
