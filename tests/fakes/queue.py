"""The queue in memory: the side of the callers, and the worker that runs its jobs."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.domain.errors import LedgerUnavailable, StaleWorker, UpdaterError, WorkerSilent
from app.queue import ANSWER_SECONDS
from tests.fakes.clock import FakeClock
from workers.adapters.arq_worker import END_SECONDS, NUDGE_SECONDS, QUESTION_SECONDS
from workers.control.jobs import Jobs

MINUTE = 60
LOOK_SECONDS = 2.0
"""How often a worker looks whether another one has taken over. arq's worker looks ten times a second."""


@dataclass(eq=False)
class Job:
    """`expires`: when the worker no longer runs it. `answer` is set when it has ended."""

    name: str
    arguments: tuple[Any, ...]
    expires: float
    answer: "asyncio.Future[dict[str, Any]]"


class FakeQueue:
    """`answers` tells whether Redis does."""

    def __init__(self, answers: Callable[[], bool]) -> None:
        self._answers = answers
        self._jobs: list[Job] = []
        self._added = asyncio.Event()

    async def nudge(self) -> None:
        self._add("nudge", (), NUDGE_SECONDS)

    async def ask(self, question: str, *arguments: Any) -> dict[str, Any]:
        """The worker's answer. Raises WorkerSilent, LedgerUnavailable."""
        job = self._add(question, arguments, ANSWER_SECONDS)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await job.answer
        except TimeoutError as late:
            raise WorkerSilent(f"no answer to {question} within {ANSWER_SECONDS:.0f} s") from late

    def _add(self, name: str, arguments: tuple[Any, ...], seconds: float) -> Job:
        if not self._answers():
            raise LedgerUnavailable("ConnectionError")
        loop = asyncio.get_running_loop()
        job = Job(name, arguments, loop.time() + seconds, loop.create_future())
        self._jobs.append(job)
        self._added.set()
        return job

    def take(self) -> list[Job]:
        """The jobs that a worker has to run now. Each is taken once; none is found while Redis does not answer."""
        self._added.clear()
        if not self._answers():
            return []
        now = asyncio.get_running_loop().time()
        jobs, self._jobs = [job for job in self._jobs if job.expires > now], []
        return jobs

    def lose(self) -> None:
        self._jobs = []

    async def wait(self, seconds: float) -> None:
        """Waits for a new job, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._added.wait()


class FakeQueueWorker:
    """Runs the jobs of `queue` as arq's worker does: each once, a look each minute.

    A question runs for QUESTION_SECONDS, and no longer than its caller waits.

    `unexpected` is called with each error that a job has no name for.
    """

    def __init__(
        self,
        jobs: Jobs,
        queue: FakeQueue,
        clock: FakeClock,
        unexpected: Callable[[BaseException], object] = lambda _: None,
    ) -> None:
        self._jobs, self._queue, self._clock, self._unexpected = jobs, queue, clock, unexpected
        self._questions = jobs.questions()
        self._running: set[asyncio.Task[None]] = set()

    async def main(self) -> None:
        next_look = self._next_minute()
        while True:
            if self._jobs.replaced:
                raise StaleWorker("this worker ends")
            for job in self._queue.take():
                self._start(self._run(job))
            if self._clock.monotonic() >= next_look:
                self._start(self._look())
                next_look = self._next_minute()
            await self._queue.wait(min(LOOK_SECONDS, next_look - self._clock.monotonic()))

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=END_SECONDS)

    def _next_minute(self) -> float:
        return self._clock.monotonic() + MINUTE - self._clock.now().second

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _look(self) -> None:
        try:
            await self._jobs.nudge({})
        except Exception as error:  # arq logs it
            self._judge(error)

    def _judge(self, error: Exception) -> None:
        if not isinstance(error, UpdaterError | OSError):
            self._unexpected(error)

    async def _run(self, job: Job) -> None:
        if job.name == "nudge":
            await self._look()
            return
        try:
            async with asyncio.timeout(min(QUESTION_SECONDS, job.expires - asyncio.get_running_loop().time())):
                answer = await self._questions[job.name]({}, *job.arguments)
        except Exception as error:
            self._judge(error)
            if not job.answer.done():
                job.answer.set_exception(WorkerSilent(f"{job.name} ended without an answer ({type(error).__name__})"))
            return
        if not job.answer.done():
            job.answer.set_result(answer)
