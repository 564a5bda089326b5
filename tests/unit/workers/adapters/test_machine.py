import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from workers.adapters.machine import SystemClock, available_memory, room_of

NOBODY = 65534


def test_available_memory_is_read_in_bytes() -> None:
    assert available_memory("MemTotal:  100 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n") == 2 * 1024 * 1024


def test_room_is_that_of_the_scarcest_directory(tmp_path: Path) -> None:
    room = room_of(tmp_path, tmp_path / "not-here", Path("/dev/shm"))()  # noqa: S108 - another filesystem
    scarcest = min(shutil.disk_usage(d).free for d in (tmp_path, Path("/dev/shm")))  # noqa: S108
    assert room.disk == pytest.approx(scarcest, abs=256 * 1024 * 1024)
    assert room.memory > 0


def test_unreadable_directory_is_left_out(tmp_path: Path) -> None:
    """For example, an engine's data below /root if the worker does not run as root."""
    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0)
    with unprivileged():
        assert room_of(Path("/dev/shm"), closed / "data")().disk > 0  # noqa: S108
        assert room_of(Path("/dev/shm"), Path("/dev/null/data"))().disk > 0  # noqa: S108


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Run the block as another user if the test runs as root, because root may enter every directory."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if own == 0:
            os.seteuid(own)


def test_now_is_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


async def test_sleep_waits_the_given_time() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009


async def test_limit_raises_a_timeout() -> None:
    clock = SystemClock()
    with pytest.raises(TimeoutError):
        async with clock.limit(0.001):
            await clock.sleep(60)
