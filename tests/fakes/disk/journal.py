"""The journal in memory: one worker's view of the state file on a disk."""

import asyncio
import contextlib
from collections.abc import Callable

from app.domain.errors import StaleWorker
from app.domain.state import State
from tests.fakes.clock import Blocking, FakeClock, in_thread
from tests.fakes.disk.files import DAMAGED, Content, FakeDisk
from tests.fakes.fuse import Fuse
from tests.fakes.processes import PROCESS
from workers.adapters.disk.one_writer import LIMIT_SECONDS, POLL_SECONDS


class FakeJournal:
    """Writes fail if the disk is full, or if another worker wrote the file since this one read or wrote it.

    `taken`: whether another worker has taken over the lease. Asked if the file does not say who wrote it.
    """

    def __init__(
        self, clock: FakeClock, fuse: Fuse, disk: FakeDisk | None = None, taken: Callable[[], bool] = lambda: False
    ) -> None:
        self.disk = disk or FakeDisk()
        self._taken = taken
        self.lost: str | None = None
        self._clock, self._fuse = clock, fuse
        self._turn = asyncio.Lock()
        self._state = State()
        self._own: tuple[State, ...] = ()

    @property
    def state(self) -> State:
        return self._state

    @property
    def full(self) -> bool:
        return self.disk.full

    @full.setter
    def full(self, full: bool) -> None:
        self.disk.full = full

    @property
    def epoch(self) -> int:
        """The epoch of the file."""
        return self.disk.file.epoch if isinstance(self.disk.file, State) else 0

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        """Makes another worker write the file."""
        self.disk.file = State(epoch=epoch)

    def load(self) -> State:
        """Reads the file, else its previous copy. `lost` says so."""
        copies = [copy for copy in (self.disk.file, self.disk.previous) if copy is not None]
        read = next((copy for copy in copies if isinstance(copy, State)), None)
        if read is not None:
            self._state, self._own = read, (read,)
            self.lost = (
                None
                if read is self.disk.file
                else "updater-state.json could not be read. The updater used the previous copy."
            )
        else:
            self.lost = "The state file and its previous copy could not be read." if copies else None
        return self._state

    def lose(self, why: str | None) -> None:
        """Makes the file missing, or unreadable if there is a reason `why`."""
        self._state, self.lost = State(), why
        self.disk.file = self.disk.previous = None

    def tear(self) -> None:
        """Makes the file unreadable, and reads its previous copy."""
        self.disk.file = DAMAGED
        self.load()

    async def check(self) -> None:
        await asyncio.sleep(0)
        self.fence()

    def fence(self) -> None:
        """Raises StaleWorker if another worker has taken over."""
        if self.epoch > self._state.epoch:
            raise StaleWorker("the journal has a later worker's epoch")
        if not isinstance(self.disk.file, State) and self._taken():
            raise StaleWorker("another worker has taken over")

    async def update(self, change: Callable[[State], State], *, both: bool = False) -> State:
        async with self._turn:
            new = change(self._state)
            if new != self._state:
                await in_thread(self._write, new, both)
            return new

    def _write(self, new: State, both: bool) -> Blocking[None]:
        """What the writing thread does. Others act between the parts of it, but no other worker writes."""
        yield from self._locked()
        try:
            yield from self._replace(new)
            if both:
                with contextlib.suppress(OSError):
                    yield from self._replace(new)
        finally:
            self.disk.writer = None

    def _locked(self) -> Blocking[None]:
        """Waits for another process that writes; the lock ends with its process."""
        me, deadline = PROCESS.get(), self._clock.monotonic() + LIMIT_SECONDS
        while (other := self.disk.writer) is not None and other.alive and other is not me:
            if self._clock.monotonic() > deadline:
                raise StaleWorker("another worker has not ended its write")
            yield POLL_SECONDS
        self.disk.writer = me

    def _replace(self, new: State) -> Blocking[None]:
        disk = self.disk
        self._fuse.burn()
        if disk.full:
            raise OSError(28, "No space left on device")
        current = disk.file
        self._refuse(current)
        self._own = (*self._own, new)
        yield disk.seconds
        if current is not None and current is not DAMAGED:
            disk.previous = current
        yield disk.seconds
        disk.replace(new)
        if disk.fails_late:
            disk.fails_late = False
            raise OSError(5, "Input/output error")
        self._own = (new,)
        self._state = new
        self._fuse.burn()
        yield disk.seconds

    def _refuse(self, current: Content) -> None:
        if isinstance(current, State) and not any(current is own for own in self._own):
            raise StaleWorker("another worker wrote the journal")
        if not isinstance(current, State) and self._taken():
            raise StaleWorker("another worker has taken over")
