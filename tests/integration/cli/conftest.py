from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.stack import Checks, Times
from tests.integration.cli.front import Front, front

TIMES = Times(health=60, route=60, ready=10, bake=1, drain=0, stop_grace=1)
CHECKS = Checks(passes=2, interval=0.05, timeout=10)


@pytest.fixture
async def home(tmp_path: Path, redis_url: str, namespace: str) -> AsyncIterator[Front]:
    async with front(tmp_path, redis_url, namespace, times=TIMES, checks=CHECKS) as home:
        yield home
