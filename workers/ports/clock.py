"""Time of day, monotonic time and time limits."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol


class TimeLimit(Protocol):
    """A running time limit. `reschedule` moves its end to `when` on the event loop's clock; a past `when` ends it."""

    def reschedule(self, when: float | None) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
    def limit(self, seconds: float) -> AbstractAsyncContextManager[TimeLimit]:
        """Ends the block after `seconds` and raises TimeoutError."""
