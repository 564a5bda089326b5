"""An event loop for tests of long limits: its clock runs faster, and its I/O is real."""

import asyncio
import selectors

HURRY = 20.0
"""Seconds of the loop's clock per real second."""


class HurriedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__(_Hurried())

    def time(self) -> float:
        return super().time() * HURRY


class _Hurried(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / HURRY if timeout and timeout > 0 else timeout)
