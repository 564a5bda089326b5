import shutil
from datetime import UTC
from pathlib import Path

import pytest

from workers.adapters.machine import SystemClock, available_memory, room_of


def test_the_available_memory_is_read_in_bytes() -> None:
    assert available_memory("MemTotal:  100 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n") == 2 * 1024 * 1024


def test_room_is_that_of_the_scarcest_directory_that_can_be_seen(tmp_path: Path) -> None:
    room = room_of(tmp_path, tmp_path / "not-here", Path("/dev/shm"))()  # noqa: S108 - another filesystem
    scarcest = min(shutil.disk_usage(d).free for d in (tmp_path, Path("/dev/shm")))  # noqa: S108
    assert room.disk == pytest.approx(scarcest, abs=256 * 1024 * 1024)
    assert room.memory > 0


def test_room_leaves_out_a_directory_that_is_closed_to_this_process(tmp_path: Path) -> None:
    closed = tmp_path / ("x" * 300)  # a name too long to be looked at: root, as which tests run, may open any directory
    assert room_of(tmp_path, closed)().disk > 0


def test_the_time_of_day_has_its_zone() -> None:
    assert SystemClock().now().tzinfo is UTC


async def test_sleep_takes_its_time() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009


async def test_a_limit_ends_what_is_inside_with_a_timeout() -> None:
    clock = SystemClock()
    with pytest.raises(TimeoutError):
        async with clock.limit(0.001):
            await clock.sleep(60)
