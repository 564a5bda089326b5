"""The container engine: the stack's services, their definitions and their images."""

from typing import Protocol

from workers.ports.engine.containers import Containers
from workers.ports.engine.definitions import Definitions
from workers.ports.engine.housekeeping import Housekeeping


class Engine(Definitions, Containers, Housekeeping, Protocol):
    """The container engine. Every call has its own time limit and raises EngineFailed when it is exceeded."""
