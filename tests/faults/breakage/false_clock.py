"""Sets the time of day for the updater's own processes and their Redis; monotonic clocks stay correct.

libfaketime (a Debian package) intercepts their calls to the C library: https://github.com/wolfcw/libfaketime
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from deploy.demo.distribution.packages import EngineUnavailable, apt_install
from tests.faults.scenario import Skipped
from tests.faults.stage import Stage

PACKAGE = "libfaketime"
PATTERN = "lib/*/faketime/libfaketimeMT.so.1"
OURS = ("web", "worker")
ALLOCATOR = "libc.so.6"
"""Its malloc comes before jemalloc's, which the distribution's Redis has: jemalloc asks for the time while it starts,
libfaketime then allocates memory while it starts, and Redis never listens."""


class FalseClock:
    """A clock that is `days` off; libfaketime reads `file` at each call that asks for the time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, days: int) -> None:
        """Writes the offset with one rename, so that no process reads half of it."""
        staged = self._file.with_name(f"{self._file.name}.new")
        staged.write_text(f"{days:+}d\n")
        staged.replace(self._file)

    def environment(self, library: Path) -> dict[str, str]:
        return {
            "LD_PRELOAD": f"{library} {ALLOCATOR}",
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


@contextlib.contextmanager
def false_clock(stage: Stage) -> Iterator[FalseClock]:
    """Restarts the updater's processes and Redis with the clock, and without it at the end.

    Raises Skipped if libfaketime cannot be installed.
    """
    clock = FalseClock(stage.home.directory / "clock")
    environment = clock.environment(_library())
    for env in (stage.home.env, stage.redis_server.env):
        env.update(environment)
    try:
        _restart_all(stage)
        yield clock
    finally:
        for env in (stage.home.env, stage.redis_server.env):
            for name in environment:
                env.pop(name)
        _restart_all(stage)


def _restart_all(stage: Stage) -> None:
    for name in reversed(OURS):
        stage.terminate(name)
    stage.redis_server.stop()
    stage.redis_server.start()
    for name in OURS:
        stage.home.start(name)


def _library() -> Path:
    if found := _installed():
        return found
    if os.geteuid() != 0:
        raise Skipped(f"{PACKAGE} is missing; install it (Debian: sudo apt-get install {PACKAGE})")
    try:
        apt_install([PACKAGE], print)
    except EngineUnavailable as missing:
        raise Skipped(str(missing)) from missing
    if found := _installed():
        return found
    raise Skipped(f"{PACKAGE} was installed, but its library is not in Debian's usual place")


def _installed() -> Path | None:
    return next(Path("/usr").glob(PATTERN), None)
