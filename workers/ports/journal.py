"""The crash-safe state file."""

from collections.abc import Callable
from typing import Protocol

from app.domain.state import State


class Journal(Protocol):
    """Every write is on disk when the call returns."""

    @property
    def state(self) -> State: ...

    @property
    def lost(self) -> str | None:
        """Why the state may not be the last one written; None if it is the last one."""

    async def update(self, change: Callable[[State], State]) -> State:
        """Applies a transition. Raises StaleWorker when another worker has taken over."""

    async def check(self) -> None:
        """Called before any other mutation. Raises StaleWorker when another worker has taken over."""
