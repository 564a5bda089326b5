"""The jobs that arq runs: nudges and small questions. Rollouts serialise on their own lock, not on arq's slots."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from arq.connections import ArqRedis
from arq.cron import cron
from arq.utils import poll
from arq.worker import Worker, func

from app.domain import notices
from app.domain.errors import LedgerUnavailable, NobodyIsTold, StaleWorker, UpdaterError
from app.domain.stack import Stack
from app.domain.views import held_view
from app.ledger.base import translated
from app.queue import dump, load, queue_name
from workers.doctor import diagnostics, examine
from workers.operator import Operator
from workers.plan import plan
from workers.ports import Ports
from workers.reconcile import Reconciler

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

STEP_SECONDS = 1.0
"""A time of day that is so much earlier than the one before it was set back."""

log = structlog.get_logger()
Context = dict[str, Any]
Answer = dict[str, Any]
Question = Callable[..., Awaitable[Answer]]


class Jobs:
    """What the worker does when it is asked. An answer has `error` and `code` where it could not be done."""

    def __init__(self, stack: Stack, ports: Ports, reconciler: Reconciler) -> None:
        self._stack = stack
        self._ports = ports
        self._reconciler = reconciler
        self._operator = Operator(ports, reconciler)

    @property
    def replaced(self) -> bool:
        """Whether another worker has taken over: this one has nothing more to do."""
        return self._reconciler.replaced

    async def nudge(self, _: Context) -> None:
        await self._reconciler.reconcile()

    async def pause(self, _: Context, reason: str) -> Answer:
        await self._operator.pause(reason)
        return {}

    async def unpause(self, _: Context) -> Answer:
        await self._operator.unpause()
        return {}

    async def approve(self, _: Context, tag: str) -> Answer:
        """`rollout_id`, and `held_for`: what it waits for now, as the status has it; None where nothing holds it."""
        rollout_id, held = await self._operator.approve(tag)
        return {"rollout_id": rollout_id, "held_for": held_view(held) if held else None}

    async def cancel(self, _: Context, rollout_id: str) -> Answer:
        await self._operator.cancel(rollout_id)
        return {}

    async def rollback(self, _: Context, sha: str | None, force: bool) -> Answer:
        """`rollout_id` of what goes back."""
        return {"rollout_id": await self._operator.roll_back(sha, force=force)}

    async def find_tag(self, _: Context, tag: str) -> Answer:
        """`sha` of what the repository has under `tag`."""
        return {"sha": await self._ports.source.find(tag)}

    async def plan(self, _: Context, tag: str) -> Answer:
        """See workers/plan.py."""
        return await plan(self._stack, self._ports, tag)

    async def diagnostics(self, _: Context) -> Answer:
        """See workers/doctor.py."""
        return await diagnostics(self._ports)

    async def doctor(self, _: Context) -> Answer:
        """`checks`: see workers/doctor.py."""
        return {"checks": [check.view() for check in await examine(self._stack, self._ports)]}

    async def notify_test(self, _: Context) -> Answer:
        """`targets`: to how many the message goes; whether it arrives is not waited for."""
        notifier = self._ports.notifier
        if notifier is None:
            raise NobodyIsTold("set UPDATER_NOTIFY_URLS and start the worker again")
        notifier.tell(notices.test_message(self._stack.project, self._ports.clock.now()))
        return {"targets": notifier.counts()["targets"]}

    def questions(self) -> dict[str, Question]:
        asked = (
            *(self.pause, self.unpause, self.approve, self.cancel, self.rollback),
            *(self.find_tag, self.plan, self.diagnostics, self.doctor, self.notify_test),
        )
        return {question.__name__: question for question in asked}


def answered(question: Question) -> Question:
    """`question`, whose named errors are an answer too."""

    async def answer(context: Context, *args: Any) -> Answer:
        try:
            return await question(context, *args)
        except UpdaterError as error:
            return {"error": str(error), "code": error.code}

    return answer


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
        when that time comes again, and then obey a person who was told long ago that nobody answers."""
        now, before = time.time(), self._latest
        if now < before - STEP_SECONDS:
            log.warning("the clock was set back; what was asked before that is dropped", seconds=round(before - now))
            await self.pool.zremrangebyscore(self.queue_name, (now + STEP_SECONDS) * 1000, "+inf")
            self._last_health_check = 0
            for job in self.cron_jobs:
                job.next_run = None
        self._latest = now


def build_worker(jobs: Jobs, pool: ArqRedis, namespace: str) -> Worker:
    """arq's worker for `jobs`: JSON on the wire, no retries, signals left to whoever runs it."""
    limits: dict[str, Any] = {"timeout": QUESTION_SECONDS, "keep_result": ANSWER_KEPT_SECONDS, "max_tries": 1}
    questions = [
        func(answered(ask), name=name, **limits)  # type: ignore[arg-type]
        for name, ask in jobs.questions().items()
    ]
    # Not unique: arq's id for that has no namespace, and of two stacks on one Redis only one would look.
    every_minute: dict[str, Any] = {"second": 0, "unique": False, "keep_result": 0, "timeout": NUDGE_SECONDS}
    return SteadyWorker(
        replaced=lambda: jobs.replaced,
        functions=[
            func(jobs.nudge, name="nudge", timeout=NUDGE_SECONDS, keep_result=0, max_tries=1),  # type: ignore[arg-type]
            *questions,
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
