import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.clock import LOOP


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    """A fake waits for nothing: its time is virtual. What is real needs real time."""
    of = getattr(item, "cls", None)
    return LOOP if of is not None and of.__name__.startswith("TestFake") else {"real": asyncio.new_event_loop}
