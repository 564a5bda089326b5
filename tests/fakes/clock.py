"""Time that passes only where somebody waits for it."""

import asyncio
import selectors
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from tests.examples import NOW


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that does not wait for its next timer: its time is then that timer's."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_Impatient(self))

    def time(self) -> float:
        return self._virtual

    def advance(self, seconds: float) -> None:
        self._virtual += seconds


class _Impatient(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            self._loop.advance(timeout)
            timeout = 0
        return super().select(timeout)


LOOP: Mapping[str, Any] = {"virtual": VirtualTimeLoop}
"""For the hook pytest_asyncio_loop_factories."""


class FakeClock:
    """The loop's own time; it begins at NOW."""

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        return asyncio.timeout(seconds)
