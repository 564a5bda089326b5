"""The crash-safe state file."""

from collections.abc import Callable
from typing import Protocol

from app.domain.state import State


class Journal(Protocol):
    """The crash-safe state. A write is on disk when the call returns."""

    @property
    def state(self) -> State: ...

    @property
    def lost(self) -> str | None:
        """Why the state may not be the last one that was written; None where it is."""

    async def update(self, change: Callable[[State], State]) -> State:
        """Applies a transition. Raises StaleWorker when another worker has taken over."""

    async def check(self) -> None:
        """Before a mutation of anything else. Raises StaleWorker when another worker has taken over."""
