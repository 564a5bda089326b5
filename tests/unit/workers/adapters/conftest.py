import asyncio
from collections.abc import Mapping
from typing import Any

import pytest


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    """Adapters use real resources, so their tests use real time."""
    return {"real": asyncio.new_event_loop}
