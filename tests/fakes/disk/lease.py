"""The lease in memory: a lock that ends with its process, and that a silent holder loses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from app.domain.errors import StaleWorker
from tests.fakes.disk.files import FakeDisk, Lock
from tests.fakes.processes import PROCESS
from workers.adapters.disk.lease import BEAT_SECONDS, LEASE_SECONDS, POLL_SECONDS, WAIT_SECONDS


class FakeLease:
    """One process's access to the disk's lock file. `working` is called when the holder works."""

    def __init__(self, disk: FakeDisk, working: Callable[[], object] = lambda: None) -> None:
        self._disk, self._working = disk, working
        self._lock: Lock | None = None

    @property
    def taken(self) -> bool:
        """Whether another worker has taken it over."""
        return self._lock is not None and self._disk.lock is not self._lock

    @contextlib.asynccontextmanager
    async def held(self, wait: float = WAIT_SECONDS) -> AsyncIterator[None]:
        self._lock = lock = await self._acquire(wait)
        beating = asyncio.create_task(self._beat_on(lock))
        try:
            yield
        finally:
            beating.cancel()
            lock.released, self._lock = True, None

    def works(self) -> None:
        self._working()

    async def _acquire(self, wait: float) -> Lock:
        deadline = _now() + wait
        while True:
            if (lock := self._try()) is not None:
                return lock
            if _now() > deadline:
                raise StaleWorker("a running worker holds the lease. Run only one worker per stack.")
            await asyncio.sleep(POLL_SECONDS)

    def _try(self) -> Lock | None:
        lock = self._disk.lock
        if lock is None or lock.free or _now() - lock.awake_at > LEASE_SECONDS:
            self._disk.lock = Lock(PROCESS.get(), _now())
            return self._disk.lock
        return None

    @staticmethod
    async def _beat_on(lock: Lock) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            lock.awake_at = _now()


def _now() -> float:
    return asyncio.get_running_loop().time()
