import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.clock import LOOP


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    """Tests of a fake use virtual time; tests of a real part need real time."""
    of = getattr(item, "cls", None)
    return LOOP if of is not None and of.__name__.startswith("TestFake") else {"real": asyncio.new_event_loop}
