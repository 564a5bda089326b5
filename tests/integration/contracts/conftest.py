import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.clock import VirtualTimeLoop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    """Tests of a fake use virtual time, or the class's own `loop`; tests of a real part need real time."""
    of = getattr(item, "cls", None)
    if of is None or not of.__name__.startswith("TestFake"):
        return {"real": asyncio.new_event_loop}
    return {"virtual": getattr(of, "loop", VirtualTimeLoop)}
