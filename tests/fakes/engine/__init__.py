"""An engine in memory."""

from tests.fakes.engine.behaviour import CHECK_LIMIT, Behaviour
from tests.fakes.engine.container import Container
from tests.fakes.engine.daemon import TwoAtOnce
from tests.fakes.engine.instances import FakeEngine
from tests.fakes.engine.socket import FaultySocket

__all__ = ["CHECK_LIMIT", "Behaviour", "Container", "FakeEngine", "FaultySocket", "TwoAtOnce"]
