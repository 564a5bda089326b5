"""A worker's container in memory: its process, which the engine starts again whenever it ends."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from app.config.release_policy import ReleasePolicy
from app.domain.errors import UpdaterError
from tests.fakes.disk import FakeJournal, FakeLease
from tests.fakes.processes import Process
from tests.fakes.queue import FakeQueue, FakeQueueWorker
from tests.fakes.world import World
from workers.control.jobs import Jobs
from workers.control.reconcile import Reconciler
from workers.main import Beside, work
from workers.ports import Ports

RESTART_SECONDS = 1.0
GRACE_SECONDS = 40.0
"""`stop_grace_period` of the worker in deploy/docker-compose.yml."""

MakeBeside = Callable[[Ports, Reconciler], Sequence[Beside]]


class FakeWorker:
    """Runs the product's own `work` on the ports of `world`. `beside` makes what runs beside the rollouts.

    `unexpected` is called with each error that the worker has no name for, `started` when a process has started.
    """

    def __init__(
        self,
        name: str,
        world: World,
        queue: FakeQueue,
        *,
        policy: ReleasePolicy,
        pause_on_failure: bool = True,
        beside: MakeBeside = lambda *_: (),
        unexpected: Callable[[BaseException], object] = lambda _: None,
        started: Callable[[], object] = lambda: None,
    ) -> None:
        self.name = name
        self.process: Process | None = None
        self.works = False
        self._world, self._queue = world, queue
        self._policy, self._pause_on_failure = policy, pause_on_failure
        self._beside, self._unexpected, self._started = beside, unexpected, started
        self._wanted = False
        self._count = 0
        self._main: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.alive

    def start(self) -> None:
        """Starts the process, unless it runs."""
        self._wanted = True
        if self.alive:
            return
        self._count += 1
        self.works = False
        self.process = process = Process(f"{self.name}.{self._count}")
        self._main = process.spawn(self._run())
        self._main.add_done_callback(lambda main: self._ended(process, main))
        self._started()

    def kill(self, restart: float | None = RESTART_SECONDS) -> None:
        """kill -9. The process starts again after `restart` seconds; None: it stays down."""
        self._wanted = restart is not None
        self._end(self.process, restart or 0.0)

    def terminate(self, restart: float | None = RESTART_SECONDS) -> None:
        """SIGTERM, and kill -9 after GRACE_SECONDS."""
        self._wanted = restart is not None
        if self._main is not None and self.alive:
            self._main.cancel()
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self._end, self.process, RESTART_SECONDS)

    def _end(self, process: Process | None, restart: float) -> None:
        """Ends the process, and has it started again if it is wanted."""
        if process is None or not process.alive:
            return
        process.kill()
        asyncio.get_running_loop().call_later(restart, self._restart)

    def _restart(self) -> None:
        if self._wanted:
            self.start()

    def _ended(self, process: Process, main: "asyncio.Task[None]") -> None:
        if not main.cancelled() and (error := main.exception()) is not None:
            self._unexpected(error)
        self._end(process, RESTART_SECONDS)

    async def _run(self) -> None:
        """As `run` of workers/main.py: the process ends with its reason, which its log shows."""
        with contextlib.suppress(UpdaterError, OSError, asyncio.CancelledError):
            await self._hold_and_work()

    async def _hold_and_work(self) -> None:
        world, lease = self._world, FakeLease(self._world.disk, self._work_begins)
        journal = FakeJournal(world.clock, world.fuse, world.disk)
        async with lease.held():
            journal.load()
            ports = world.ports_of(journal)
            reconciler = Reconciler(world.stack, ports, policy=self._policy, pause_on_failure=self._pause_on_failure)
            jobs = Jobs(world.stack, ports, reconciler)
            queue = partial(FakeQueueWorker, jobs, self._queue, world.clock, self._unexpected)
            await work(world.stack, reconciler, ports, self._beside(ports, reconciler), lease=lease, queue=queue)

    def _work_begins(self) -> None:
        self.works = True
