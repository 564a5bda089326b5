"""The jobs that arq runs: nudges and small questions. Rollouts serialise on their own lock, not on arq's slots."""

from collections.abc import Awaitable, Callable
from typing import Any

from arq.connections import ArqRedis
from arq.cron import cron
from arq.worker import Worker, func

from app.domain.errors import UpdaterError
from app.queue import dump, load, queue_name
from workers.ports import Source
from workers.reconcile import Reconciler

QUESTION_SECONDS = 15.0
NUDGE_SECONDS = 24 * 3600.0
"""A nudge ends with the rollouts that it started, each step of which has its own limit."""

ANSWER_KEPT_SECONDS = 60
SLOTS = 10
HEALTH_SECONDS = 10

Answer = dict[str, Any]


class Jobs:
    """What the worker does when it is asked."""

    def __init__(self, reconciler: Reconciler, source: Source) -> None:
        self._reconciler = reconciler
        self._source = source

    async def nudge(self, _: dict[str, Any]) -> None:
        await self._reconciler.reconcile()

    async def unpause(self, _: dict[str, Any]) -> Answer:
        """`{}`, or `error` and `code` when it cannot be done now."""
        if refused := await self._reconciler.unpause():
            return {"error": refused, "code": "rollout_running"}
        return {}

    async def find_tag(self, _: dict[str, Any], tag: str) -> Answer:
        """`sha` of what the repository has under `tag`, or `error` and `code`."""
        try:
            return {"sha": await self._source.find(tag)}
        except UpdaterError as error:
            return {"error": str(error), "code": error.code}


def build_worker(jobs: Jobs, pool: ArqRedis, namespace: str) -> Worker:
    """arq's worker for `jobs`: JSON on the wire, no retries, signals left to whoever runs it."""

    def question(ask: Callable[..., Awaitable[Answer]], name: str) -> Any:
        return func(ask, name=name, timeout=QUESTION_SECONDS, keep_result=ANSWER_KEPT_SECONDS, max_tries=1)  # type: ignore[arg-type]

    return Worker(
        functions=[
            func(jobs.nudge, name="nudge", timeout=NUDGE_SECONDS, keep_result=0, max_tries=1),  # type: ignore[arg-type]
            question(jobs.unpause, "unpause"),
            question(jobs.find_tag, "find_tag"),
        ],
        cron_jobs=[cron(jobs.nudge, name="look", second=0, keep_result=0, timeout=NUDGE_SECONDS)],  # type: ignore[arg-type]
        redis_pool=pool,
        queue_name=queue_name(namespace),
        health_check_key=f"{namespace}:worker",
        health_check_interval=HEALTH_SECONDS,
        max_jobs=SLOTS,
        handle_signals=False,
        job_serializer=dump,
        job_deserializer=load,
        ctx={},
    )
