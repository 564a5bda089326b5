"""The log as the command line reads it, from the real listener and a real Redis."""

from contextlib import aclosing

import pytest

from app.cli.api.access import Access
from app.cli.api.client import ApiClient
from app.cli.api.log_stream import follow_log
from tests.examples import a_history_entry
from tests.integration.web.conftest import Listening

pytestmark = pytest.mark.redis

ROLLOUT = "r-1"
SHORT = 300
"""A log of so few bytes keeps four short lines."""


@pytest.mark.parametrize(("more", "notes"), [(1, 1), (20, 2)], ids=["all were read", "some have gone unread"])
async def test_follow_resumes_in_a_log_without_its_first_lines(web: Listening, more: int, notes: int) -> None:
    """The stream ends, because the rollout has a result. The reader does not know that yet, and resumes."""
    web.ledger.log_bytes_kept = SHORT
    lines = [f"line {number:03}" for number in range(1, 10 + more)]
    asked: list[bool] = []

    async def ended() -> bool:
        asked.append(True)
        await web.ledger.append_log(ROLLOUT, lines[:9] if len(asked) == 1 else lines[9:])
        return len(asked) > 1

    await web.ledger.record_result({"rollout_id": ROLLOUT}, a_history_entry(rollout_id=ROLLOUT))
    async with (
        ApiClient(Access(web.internal, {"X-Updater-Secret": web.secret.encode()})) as updater,
        aclosing(follow_log(updater, ROLLOUT, ended)) as log,
    ):
        seen = [line async for line in log]
    kept = [line for line in seen if line in lines]
    assert kept == lines[5:9] + lines[9:][-4:]
    assert [line.split()[:3] for line in seen if line not in lines] == [
        ["[the", "first", n] for n in ("5", "25")[:notes]
    ]
