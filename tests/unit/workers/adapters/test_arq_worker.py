import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
