import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from arq.constants import job_key_prefix

from app.queue import load, open_pool
from workers.adapters.arq_worker import Job, build_worker
from workers.adapters.redaction import HIDDEN, Redactor


class NoJobs:
    replaced = False

    async def nudge(self, context: dict[str, Any], /) -> None:
        """Nothing waits."""

    def questions(self) -> Mapping[str, Job]:
        return {}


async def test_answer_and_exception_are_redacted(tmp_path: Path) -> None:
    """An answer in Redis is read by web and the command line. arq writes an exception in place of a missing answer."""
    (tmp_path / ".env").write_text("API_TOKEN=the-real-value\n")
    async with contextlib.aclosing(open_pool("redis://127.0.0.1:1/0", "x")) as pool:
        worker = build_worker(NoJobs(), pool, "x", hide=Redactor(tmp_path).value)
        assert worker.job_serializer is not None
        answer = {"f": "plan", "s": True, "t": 1, "r": {"changed": ["the-real-value", None, 2.5]}}
        assert load(worker.job_serializer(answer)) == answer | {"r": {"changed": [HIDDEN, None, 2.5]}}
        failed = {"f": "plan", "s": False, "r": ValueError("the-real-value is not a number")}
        assert load(worker.job_serializer(failed)) == failed | {"r": f"{HIDDEN} is not a number"}


class WaitingJobs(NoJobs):
    """`begun`: the questions that have begun. Each waits for the start of a worker that does not come up."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    async def rollback(self, context: dict[str, Any]) -> None:
        self.begun.append(context["job_id"])
        await asyncio.Event().wait()

    def questions(self) -> Mapping[str, Job]:
        return {"rollback": self.rollback}


class Keys:
    """Redis, with one key that expires in `milliseconds`; -2: it has expired. https://redis.io/docs/latest/commands/pttl/"""

    def __init__(self, key: str, milliseconds: int) -> None:
        self._expires = {key: milliseconds}

    async def pttl(self, key: str) -> int:
        return self._expires[key]


@pytest.mark.parametrize(("milliseconds", "begins"), [(50, True), (-2, False)])
async def test_question_ends_when_its_caller_gives_up(milliseconds: int, begins: bool) -> None:
    """A caller that got no answer asks again: a rollback that is carried out later would count as a second one."""
    jobs = WaitingJobs()
    async with contextlib.aclosing(open_pool("redis://127.0.0.1:1/0", "x")) as pool:
        worker = build_worker(jobs, pool, "x")
        context = {"redis": Keys(f"{job_key_prefix}a-job", milliseconds), "job_id": "a-job"}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60) as limit:
                await worker.functions["rollback"].coroutine(context)
    assert not limit.expired()
    assert jobs.begun == (["a-job"] if begins else [])
