"""The clock, and free disk and memory."""

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from workers.ports import Room

MEMINFO = Path("/proc/meminfo")


class SystemClock:
    """The system's clock. Deadlines use the monotonic time; the time of day is for people."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def limit(self, seconds: float) -> asyncio.Timeout:
        return asyncio.timeout(seconds)


def room_of(*directories: Path) -> Callable[[], Room]:
    """Measures free memory, and the free disk of the fullest of `directories`.

    Skips the directories that it cannot access; the free disk is 0 if it can access none.
    """

    def look() -> Room:
        disk = min((free for d in directories if (free := free_bytes(d)) is not None), default=0)
        return Room(disk, available_memory(MEMINFO.read_text()))

    return look


def free_bytes(directory: Path) -> int | None:
    """The free space where `directory` is; None if it is missing, or below one that this process may not enter."""
    try:
        return shutil.disk_usage(directory).free
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None


def available_memory(meminfo: str) -> int:
    """Returns `MemAvailable` in bytes. https://docs.kernel.org/filesystems/proc.html"""
    line = next(line for line in meminfo.splitlines() if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024
