"""The questions of the web process, and what a fault inside one becomes."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.errors import EngineFailed
from app.queue import dump, load
from workers.control.jobs import answered


async def ready() -> None:
    return None


def asking(error: Exception) -> Any:
    async def plan(_: Any, tag: str) -> dict[str, Any]:
        raise error

    return answered(plan, ready)


@pytest.mark.parametrize("bug", [KeyError("web-blue"), TypeError("no"), ExceptionGroup("two", [ValueError("x")])])
async def test_a_fault_in_a_question_answers(bug: Exception) -> None:
    with capture_logs() as logs:
        answer = load(dump(await asking(bug)({}, "v1.1.0")))
    assert answer["code"] == "internal_error"
    (logged,) = logs
    assert logged["reference"] in answer["error"]
    assert logged["question"] == "plan"
    assert type(bug).__name__ in answer["error"]
    assert "traffic is not affected" in answer["error"]


async def test_a_known_error_answers_its_code() -> None:
    error = EngineFailed("away")
    assert await asking(error)({}, "v1.1.0") == {"error": str(error), "code": "engine_failed"}
