"""Allows one worker per stack: a kernel lock, and a lease that a suspended worker loses."""

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from app.domain.errors import StaleWorker

BEAT_SECONDS = 5.0
LEASE_SECONDS = 30.0
"""After this silence the holder, or its machine, counts as suspended, and another worker takes over."""

WAIT_SECONDS = 2 * LEASE_SECONDS
"""How long a worker waits for the lease: longer than the lease itself and than a stopping worker's grace period."""

POLL_SECONDS = 0.5
RECORD_BYTES = 200
"""A shorter record is padded with spaces, so that it overwrites the previous one completely."""

MODE = 0o600

log = structlog.get_logger()


class Lease:
    """The file at `path`. The worker locks it for its lifetime and records in it when it was last awake.

    Time is CLOCK_BOOTTIME: the same for all processes, and it cannot be set. After a reboot no lock is held.
    """

    def __init__(self, path: Path, *, beat: float = BEAT_SECONDS, lease: float = LEASE_SECONDS) -> None:
        self._path = path
        self._beat, self._lease = beat, lease
        self._handle: int | None = None
        self._works = False

    @contextlib.asynccontextmanager
    async def held(self, wait: float = WAIT_SECONDS) -> AsyncIterator[None]:
        """Waits for the lease and keeps it. Raises StaleWorker if another worker that is awake keeps it."""
        self._handle = handle = await self._acquire(wait)
        beating = asyncio.create_task(self._beat_on(handle))
        try:
            yield
        finally:
            beating.cancel()
            self._handle = None
            os.close(handle)

    def works(self) -> None:
        """Records that the holder works: it has read the journal, ended leftovers, and published the status."""
        self._works = True
        if self._handle is not None:
            self._record(self._handle)

    @property
    def taken(self) -> bool:
        """Whether another worker has taken this lease over while its holder was suspended. Reads the file's status."""
        handle = self._handle
        return handle is not None and self._path.exists() and not self._is_at_path(handle)

    async def _acquire(self, wait: float) -> int:
        deadline = time.monotonic() + wait
        while True:
            if (handle := self._try()) is not None:
                return handle
            if time.monotonic() > deadline:
                raise StaleWorker(f"a running worker holds {self._path}. Run only one worker per stack.")
            await asyncio.sleep(min(POLL_SECONDS, self._beat))

    def _try(self) -> int | None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, MODE)
        if self._lock(handle):
            return handle
        silent = _silence(handle) > self._lease
        os.close(handle)
        return self._take_over() if silent else None

    def _lock(self, handle: int) -> bool:
        """Locks the file. Returns whether that succeeded and the locked file is still the one at the path."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if not self._is_at_path(handle):
            return False
        _write(handle)
        return True

    def _take_over(self) -> int | None:
        """Replaces the file that a suspended worker holds. The journal's epoch rejects that worker's writes."""
        with self._path.with_name(f"{self._path.name}.takeover").open("w") as turn:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                silent = _silence_of(self._path)
            except (BlockingIOError, FileNotFoundError):
                return None
            return self._replace() if silent > self._lease else None

    def _replace(self) -> int:
        log.warning("the previous worker is silent; taking over", lease_seconds=self._lease)
        staged = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        handle = os.open(staged, os.O_RDWR | os.O_CREAT | os.O_TRUNC, MODE)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write(handle)
        staged.replace(self._path)
        return handle

    def _is_at_path(self, handle: int) -> bool:
        try:
            return os.fstat(handle).st_ino == self._path.stat().st_ino
        except FileNotFoundError:
            return False

    async def _beat_on(self, handle: int) -> None:
        while True:
            await asyncio.sleep(self._beat)
            self._record(handle)

    def _record(self, handle: int) -> None:
        with contextlib.suppress(OSError):  # on a full disk the lock itself still holds
            _write(handle, works=self._works)


def _write(handle: int, *, works: bool = False) -> None:
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "awake_at": _now(), "works": works}
    os.pwrite(handle, json.dumps(holder).ljust(RECORD_BYTES).encode(), 0)


def _silence_of(path: Path) -> float:
    handle = os.open(path, os.O_RDONLY)
    try:
        return _silence(handle)
    finally:
        os.close(handle)


def _silence(handle: int) -> float:
    """Returns the seconds since the holder was awake; 0 if that is unknown."""
    try:
        return _now() - float(json.loads(os.pread(handle, 1024, 0))["awake_at"])
    except (ValueError, KeyError, TypeError):
        return 0.0


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
