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

    async def update(self, change: Callable[[State], State], *, both: bool = False) -> State:
        """Applies a transition. Raises StaleWorker when another worker has taken over.

        `both`: the previous copy of the state file has it too, so that it also counts if the file is damaged. That is
        for a call that is acknowledged, and that nothing but the file knows.
        """

    async def check(self) -> None:
        """Called before any other mutation. Raises StaleWorker when another worker has taken over."""
