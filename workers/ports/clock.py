"""Time."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol


class TimeLimit(Protocol):
    """What `limit` is inside of: `reschedule` moves its end to that moment of the loop's clock, the past included."""

    def reschedule(self, when: float | None) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
    def limit(self, seconds: float) -> AbstractAsyncContextManager[TimeLimit]:
        """Ends what is inside after that long, with TimeoutError."""
