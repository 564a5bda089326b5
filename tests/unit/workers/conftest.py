from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.clock import LOOP
from tests.fakes.world import World


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    """The pipeline's tests use virtual time, so they never really wait."""
    return LOOP


@pytest.fixture
async def world() -> World:
    """v1.0.0 is live on blue; v1.1.0 and v1.2.0 are tagged."""
    world = World()
    await world.live("v1.0.0")
    return world
