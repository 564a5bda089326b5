"""Event loops with real I/O whose clock runs faster, for long limits, or slower, for short ones.

A limit that real parts have to keep gets longer in a PatientLoop, so that the machine's speed does not matter.
"""

import asyncio
import selectors

HURRY, PATIENCE = 20.0, 0.1
"""Seconds of the loops' clocks per real second."""


class _Loop(asyncio.SelectorEventLoop):
    speed: float

    def __init__(self) -> None:
        super().__init__(_Selector(self.speed))

    def time(self) -> float:
        return super().time() * self.speed


class HurriedLoop(_Loop):
    speed = HURRY


class PatientLoop(_Loop):
    speed = PATIENCE


class _Selector(selectors.DefaultSelector):
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / self._speed if timeout and timeout > 0 else timeout)
