"""Jobs for the worker, through arq, with JSON on both sides.

arq is in maintenance mode, and with its default, pickle, a write to Redis would be code execution in the worker.
Only this module and `workers/adapters/arq_worker.py` use arq.
"""

import asyncio
import contextlib
import json
from typing import Any
from uuid import uuid4

from arq.connections import ArqRedis
from arq.jobs import Job, JobStatus, SerializationError
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.config.urls import redis_tls
from app.domain.errors import LedgerUnavailable, UpdaterError, WorkerSilent
from app.ledger.base import translated

ANSWER_SECONDS = 20.0
"""Limit for the worker's answer to a question; after it the caller gets WorkerSilent."""

CONNECT_SECONDS = 5.0
WATCH_TRIES = 3
_POLL_SECONDS = 0.1


def dump(value: dict[str, Any]) -> bytes:
    """A job or its result as JSON. Values that JSON does not support, such as exceptions, are stored as text."""
    return json.dumps(value, default=str).encode()


def load(value: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(value)
    return loaded


def open_pool(url: str, namespace: str) -> ArqRedis:
    """A connection pool that enqueues to the namespace's own queue and survives a restart of Redis.

    It does not connect yet, so Redis may be unavailable: a starting worker needs only its state file to finish an
    interrupted rollout. A `rediss://` server has to prove its name. Raises ValueError if `url` is invalid.
    """
    connections = ConnectionPool.from_url(
        url,
        **redis_tls(url),
        encoding="utf8",
        socket_connect_timeout=CONNECT_SECONDS,
        # OSError: redis-py checks what to retry before it translates a refused connection.
        retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),  # each retry has three of its own: 3 s in all
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
    """`nudge` tells the worker to check for work; `ask` sends a question and waits for the answer."""

    def __init__(self, pool: ArqRedis) -> None:
        self._pool = pool
        self._sent: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def nudge(self) -> None:
        """Makes the worker check for work. Raises LedgerUnavailable.

        A nudge that begins after the call is enough: calls that arrive while one is being sent share the next one.
        A lost nudge costs at most a minute: the worker also checks every minute.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._nudge_after(self._sent))
            self._next.add_done_callback(_retrieved)
        await asyncio.shield(self._next)

    async def _nudge_after(self, sent: "asyncio.Task[None] | None") -> None:
        if sent is not None:
            await asyncio.wait([sent])
        self._sent, self._next = self._next, None  # from here on, a call needs another one
        await self._enqueue("nudge")

    async def ask(self, question: str, *args: Any) -> dict[str, Any]:
        """The worker's answer. Raises WorkerSilent after ANSWER_SECONDS, LedgerUnavailable if Redis is unavailable.

        The question expires at the same time: the worker never acts on it after the caller got WorkerSilent.
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
        except SerializationError as error:  # the text of an exception that ended the job
            why = str(error) or "it took too long, or the worker was stopped"
            raise WorkerSilent(f"{question} ended without an answer: {why}. The worker's log says more") from error
        except Exception as error:
            raise WorkerSilent(f"{question} ended without an answer ({type(error).__name__})") from error
        return answer

    async def _enqueue(self, function: str, *args: Any, **options: Any) -> Any:
        async with translated():
            return await self._enqueue_once(function, *args, **options)

    async def _enqueue_once(self, function: str, *args: Any, **options: Any) -> Job:
        """Enqueues exactly one job.

        If the connection is lost in arq's transaction, arq reports a changed watched key or an existing job. So this
        looks for the job and retries under the same id, which cannot add it twice.
        """
        name = uuid4().hex
        for _ in range(WATCH_TRIES):
            with contextlib.suppress(WatchError):
                if job := await self._pool.enqueue_job(function, *args, _job_id=name, **options):
                    return job
            job = Job(name, self._pool, self._pool.default_queue_name, load)
            if await job.status() is not JobStatus.not_found:
                return job
        raise LedgerUnavailable(f"the connection was lost {WATCH_TRIES} times")


def _retrieved(task: "asyncio.Task[None]") -> None:
    """Otherwise asyncio reports an error that no caller waits for any more."""
    if not task.cancelled():
        task.exception()
