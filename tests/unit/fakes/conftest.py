from collections.abc import Mapping
from typing import Any

import pytest

from tests.fakes.clock import LOOP


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Any]:
    return LOOP
