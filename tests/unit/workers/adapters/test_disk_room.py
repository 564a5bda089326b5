"""The free disk in the status: measured once a minute, and never waited for."""

import asyncio
import threading

import structlog

from app.api.plan import PlannedDisk
from tests.fakes.clock import FakeClock
from tests.integration.waiting import until
from workers.adapters.disk_room import EVERY_SECONDS, DiskRoom
from workers.ports import Room


class Disk:
    """Has 1 byte more each time that it is measured. With `hangs`, a measurement waits for `go_on`."""

    def __init__(self) -> None:
        self.free = 0
        self.hangs = False
        self.go_on = threading.Event()
        self.measured = threading.Semaphore(0)

    def look(self) -> Room:
        if self.hangs:
            self.go_on.wait()
        self.free += 1
        self.measured.release()
        return Room(self.free, 0)


class SetClock(FakeClock):
    """A clock that moves only when it is set."""

    at = 0.0

    def monotonic(self) -> float:
        return self.at


async def settled(room: DiskRoom, disk: Disk, free: int) -> None:
    await asyncio.to_thread(disk.measured.acquire)
    await until(lambda: room() == PlannedDisk(free_bytes=free, needed_bytes=9))


async def test_disk_is_measured_once_a_minute() -> None:
    disk, clock = Disk(), SetClock()
    room = DiskRoom(disk.look, 9, clock)
    assert room() is None
    await settled(room, disk, 1)
    clock.at = EVERY_SECONDS - 1
    room()
    clock.at = EVERY_SECONDS
    assert room() == PlannedDisk(free_bytes=1, needed_bytes=9)
    await settled(room, disk, 2)
    assert disk.free == 2


async def test_a_disk_that_hangs_leaves_the_last_value() -> None:
    disk, clock = Disk(), SetClock()
    room = DiskRoom(disk.look, 9, clock)
    room()
    await settled(room, disk, 1)
    disk.hangs = True
    for minute in range(1, 9):
        clock.at = minute * EVERY_SECONDS
        assert room() == PlannedDisk(free_bytes=1, needed_bytes=9)
        await asyncio.sleep(0)
    disk.go_on.set()
    await settled(room, disk, 2)
    assert disk.free == 2, "only one measurement waited"


async def test_a_disk_that_cannot_be_measured_is_unknown() -> None:
    def broken() -> Room:
        raise OSError("input/output error")

    room = DiskRoom(broken, 9, SetClock())
    with structlog.testing.capture_logs() as lines:
        assert room() is None
        await until(lambda: bool(lines))
    assert room() is None
