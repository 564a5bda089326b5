"""The way to the worker: arq jobs, JSON on both sides.

arq is in maintenance only and its default, pickle, would make a write to Redis code execution in the worker:
everything that knows arq is here and in `workers/adapters/arq_worker.py`.
"""

import asyncio
import contextlib
import json
from typing import Any
from uuid import uuid4

from arq.connections import ArqRedis
from arq.jobs import Job, JobStatus
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.domain.errors import LedgerUnavailable, UpdaterError, WorkerSilent
from app.ledger.base import translated

ANSWER_SECONDS = 20.0
"""How long a question to the worker may take before the caller is told that it is silent."""

CONNECT_SECONDS = 5.0
WATCH_TRIES = 3
_POLL_SECONDS = 0.1


def dump(value: dict[str, Any]) -> bytes:
    """A job or its result as JSON; what JSON does not know (an exception) is kept as its text."""
    return json.dumps(value, default=str).encode()


def load(value: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(value)
    return loaded


def open_pool(url: str, namespace: str) -> ArqRedis:
    """A connection pool that enqueues to the namespace's own queue, and rides through a restart of Redis.

    Nothing is connected yet, so Redis may be away: what a worker has to end when it starts needs the journal alone.
    Raises ValueError for a `url` that is none.
    """
    connections = ConnectionPool.from_url(
        url,
        encoding="utf8",
        socket_connect_timeout=CONNECT_SECONDS,
        # OSError: redis-py does not translate a connection that is refused before it looks at what to retry.
        retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),  # of each try's own three: 3 s in all
    )
    pool = ArqRedis(
        connections,
        job_serializer=dump,
        job_deserializer=load,
        default_queue_name=queue_name(namespace),
    )
    pool.auto_close_connection_pool = True
    return pool


def queue_name(namespace: str) -> str:
    return f"{namespace}:queue"


class Queue:
    """`nudge` says that there may be something to do; `ask` puts a question and waits for its answer."""

    def __init__(self, pool: ArqRedis) -> None:
        self._pool = pool

    async def nudge(self) -> None:
        """Raises LedgerUnavailable. A lost nudge costs a minute: the worker asks itself as often."""
        await self._enqueue("nudge")

    async def ask(self, question: str, *args: Any) -> dict[str, Any]:
        """The worker's answer. Raises WorkerSilent after ANSWER_SECONDS, LedgerUnavailable when Redis is away.

        Whoever was told that nobody answers is not obeyed later: the question is gone by then.
        """
        job = await self._enqueue(question, *args, _expires=ANSWER_SECONDS)
        try:
            answer: dict[str, Any] = await job.result(timeout=ANSWER_SECONDS, poll_delay=_POLL_SECONDS)
        except TimeoutError as error:
            raise WorkerSilent(f"no answer to {question} within {ANSWER_SECONDS:.0f} s") from error
        except RedisError as error:
            raise LedgerUnavailable(str(error)) from error
        except (UpdaterError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise WorkerSilent(f"{question} ended without an answer ({type(error).__name__})") from error
        return answer

    async def _enqueue(self, function: str, *args: Any, **options: Any) -> Any:
        async with translated():
            return await self._tried(function, *args, **options)

    async def _tried(self, function: str, *args: Any, **options: Any) -> Job:
        """A connection that is lost in arq's transaction is told as a watched key that changed, or as a job that is
        there already: it is looked for, and asked for again by the same id, so that it is never there twice."""
        name = uuid4().hex
        for _ in range(WATCH_TRIES):
            with contextlib.suppress(WatchError):
                if job := await self._pool.enqueue_job(function, *args, _job_id=name, **options):
                    return job
            job = Job(name, self._pool, self._pool.default_queue_name, load)
            if await job.status() is not JobStatus.not_found:
                return job
        raise LedgerUnavailable(f"the connection was lost {WATCH_TRIES} times")
