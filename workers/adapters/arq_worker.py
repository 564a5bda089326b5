"""arq's worker: the one module that reaches into arq. It relies on internals, so the version of arq is pinned.

arq is in maintenance only. What is relied on: `_poll_iteration`, `start_jobs`, `sem`, `job_counter`, `tasks`,
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
from arq.cron import cron
from arq.utils import poll
from arq.worker import Worker, func

from app.domain.errors import LedgerUnavailable, StaleWorker
from app.ledger.base import translated
from app.queue import dump, load, queue_name

QUESTION_SECONDS = 15.0
NUDGE_SECONDS = 24 * 3600.0
"""A nudge ends with the rollouts that it started, each step of which has its own limit."""

ANSWER_KEPT_SECONDS = 60
SLOTS = 10
POLL_SECONDS = 0.1
"""How often Redis is asked for jobs: somebody waits for the answer to each question."""

HEALTH_SECONDS = 10

END_SECONDS = 15.0
"""How long the jobs that run may take to end when the worker does; a Redis that hangs would hold them for ever."""

JUMP_SECONDS = 60.0
"""A time of day that is so much later than the one before it was set, or this process was suspended."""

STEP_SECONDS = 1.0
"""A time of day that is so much earlier than the one before it was set back."""

log = structlog.get_logger()
Job = Callable[..., Awaitable[Any]]


class QueueJobs(Protocol):
    """What the queue runs. `replaced`: another worker has taken over, and this one has nothing more to do."""

    @property
    def replaced(self) -> bool: ...
    async def nudge(self, context: dict[str, Any], /) -> None: ...
    def questions(self) -> Mapping[str, Job]: ...


class SteadyWorker(Worker):
    """arq's worker, which a Redis that is away does not end: a rollout that runs in it must not end with it.

    Raises StaleWorker when `replaced` says that another worker has taken over.
    """

    def __init__(self, *, replaced: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._replaced = replaced
        self._latest = time.time()
        self._running = 0

    async def main(self) -> None:
        """arq's own asks Redis first what it is, and ends when nobody answers."""
        self.ctx["redis"] = self.pool
        async for _ in poll(self.poll_delay_s):
            await self._poll_iteration()

    async def _poll_iteration(self) -> None:
        if self._replaced():
            raise StaleWorker("this one ends")
        try:
            async with translated():
                await self._follow_the_clock()
                await super()._poll_iteration()
        except LedgerUnavailable as away:
            log.warning("Redis does not answer; jobs wait for it, a rollout does not", reason=str(away))

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """arq's own keeps the slot of a job that it could not take because Redis went away, and waits for a slot with
        its sign of life: in the end nobody would be answered any more."""
        for job_id in job_ids:
            if (name := job_id.decode()) in self.tasks:
                continue  # it stays in the queue until it has ended
            if self.job_counter >= self.max_jobs:
                return
            try:
                await super().start_jobs([job_id])
            finally:
                self._running += name in self.tasks
                self._give_slots_back()

    def _give_slots_back(self) -> None:
        """Those that no job has: arq may have given some back itself."""
        while self.job_counter > self._running:
            self.job_counter -= 1
            self.sem.release()

    def _release_sem_dec_counter_on_complete(self) -> None:
        self._running -= 1
        super()._release_sem_dec_counter_on_complete()

    async def close(self) -> None:
        """Ends the jobs. Its sign of life is taken away if Redis answers; else that ends by itself."""
        self.handle_sig(signal.SIGUSR1)
        if self.tasks:
            await asyncio.wait(self.tasks.values(), timeout=END_SECONDS)
        with contextlib.suppress(LedgerUnavailable):
            async with translated():
                await self.pool.delete(self.health_check_key)

    async def _follow_the_clock(self) -> None:
        """arq keeps its appointments by the time of day: set back by a day, it would look and say that it lives only
        when that time comes again, and then obey a person who was told long ago that nobody answers. Set ahead by a
        day, it would look once for each minute in between."""
        now, before = time.time(), self._latest
        if now < before - STEP_SECONDS:
            log.warning("the clock was set back; what was asked before that is dropped", seconds=round(before - now))
            await self.pool.zremrangebyscore(self.queue_name, (now + STEP_SECONDS) * 1000, "+inf")
            self._last_health_check = 0
        if now < before - STEP_SECONDS or now > before + JUMP_SECONDS:
            for job in self.cron_jobs:
                job.next_run = None
        self._latest = now


def build_worker(jobs: QueueJobs, pool: ArqRedis, namespace: str) -> Worker:
    """arq's worker for `jobs`: JSON on the wire, no retries, signals left to whoever runs it.

    Its `main` raises StaleWorker when another worker has taken over.
    """
    limits: dict[str, Any] = {"timeout": QUESTION_SECONDS, "keep_result": ANSWER_KEPT_SECONDS, "max_tries": 1}
    # Not unique: arq's id for that has no namespace, and of two stacks on one Redis only one would look.
    every_minute: dict[str, Any] = {"second": 0, "unique": False, "keep_result": 0, "timeout": NUDGE_SECONDS}
    return SteadyWorker(
        replaced=lambda: jobs.replaced,
        functions=[
            func(jobs.nudge, name="nudge", timeout=NUDGE_SECONDS, keep_result=0, max_tries=1),  # type: ignore[arg-type]
            *(func(ask, name=name, **limits) for name, ask in jobs.questions().items()),  # type: ignore[arg-type]
        ],
        cron_jobs=[cron(jobs.nudge, name="look", **every_minute)],  # type: ignore[arg-type]
        redis_pool=pool,
        queue_name=queue_name(namespace),
        health_check_key=f"{namespace}:worker",
        health_check_interval=HEALTH_SECONDS,
        max_jobs=SLOTS,
        handle_signals=False,
        poll_delay=POLL_SECONDS,
        job_serializer=dump,
        job_deserializer=load,
        ctx={},
    )
