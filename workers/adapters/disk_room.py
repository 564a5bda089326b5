"""The free disk, for the status. A disk that hangs holds up no status: the last measured value stays."""

import asyncio
from collections.abc import Callable

import structlog

from app.api.plan import PlannedDisk
from workers.adapters.threads import in_file_thread
from workers.ports import Clock, Room

EVERY_SECONDS = 60.0

log = structlog.get_logger()


class DiskRoom:
    """Returns what was measured last, and measures again in a thread if that is older than EVERY_SECONDS."""

    def __init__(self, look: Callable[[], Room], needed_bytes: int, clock: Clock) -> None:
        self._look, self._needed, self._clock = look, needed_bytes, clock
        self._measured: PlannedDisk | None = None
        self._next = 0.0
        self._measuring: asyncio.Task[None] | None = None

    def __call__(self) -> PlannedDisk | None:
        now = self._clock.monotonic()
        if now >= self._next and (self._measuring is None or self._measuring.done()):
            self._next = now + EVERY_SECONDS
            self._measuring = asyncio.create_task(self._measure())
        return self._measured

    async def _measure(self) -> None:
        try:
            room = await in_file_thread(self._look)
            self._measured = PlannedDisk(free_bytes=room.disk, needed_bytes=self._needed)
        except Exception:  # the status does without it
            log.exception("could not measure the free disk for the status")
