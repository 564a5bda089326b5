from typing import Any

import pytest

from app.domain.findings import Check, Verdict
from app.ledger.durability import Memory
from app.web.calls.doctor import MIB, memory_check, worker_check


@pytest.mark.parametrize(
    ("used", "most", "verdict", "text"),
    [
        (40, 160, Verdict.OK, "40 MiB are used of 160 MiB (maxmemory)"),
        (127, 160, Verdict.OK, "127 MiB are used of 160 MiB (maxmemory)"),
        (128, 160, Verdict.WARNING, "128 MiB are used of 160 MiB (maxmemory)"),
        (900, 0, Verdict.OK, "900 MiB are used; Redis has no maxmemory"),
    ],
)
def test_full_redis_is_a_warning(used: int, most: int, verdict: Verdict, text: str) -> None:
    found = memory_check(Memory(used * MIB, most * MIB))
    assert (found.status, found.found) == (verdict, text)
    assert (found.remedy == "") is (verdict is Verdict.OK)


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        ({"status": "ok"}, Verdict.OK),
        ({"status": "failed", "added": 1}, Verdict.FAILED),
        ({"status": "critical"}, Verdict.WARNING),
        ({"status": ["ok"]}, Verdict.WARNING),
        ({}, Verdict.WARNING),
    ],
)
def test_check_of_another_worker_is_shown(content: dict[str, Any], verdict: Verdict) -> None:
    known = {"name": "disk", "found": "much", "remedy": "less"}
    assert worker_check(known | content) == Check("disk", verdict, "much", "less")
