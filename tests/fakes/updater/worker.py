"""A worker's container in memory."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

from app.config.release_policy import ReleasePolicy
from app.domain.errors import UpdaterError
from tests.fakes.disk import FakeJournal, FakeLease
from tests.fakes.processes import PROCESS
from tests.fakes.queue import FakeQueue, FakeQueueWorker
from tests.fakes.updater.container_process import ContainerProcess
from tests.fakes.world import World
from workers.adapters.notifier import AppriseNotifier
from workers.control.jobs import Jobs
from workers.control.reconcile import Reconciler
from workers.main import Beside, work
from workers.ports import Ports

MakeBeside = Callable[[Ports, Reconciler], Sequence[Beside]]


class FakeWorker(ContainerProcess):
    """Runs the product's own `work` on the ports of `world`. `beside` makes what runs beside the rollouts.

    `broken` returns whether the version that is installed ends at once, `succeeds` whether the updater is replaced now.
    `notifies` makes the process's notifier; without it, the world's. `unexpected` and `started`: see ContainerProcess.
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
        broken: Callable[[], bool] = lambda: False,
        succeeds: Callable[[], bool] = lambda: False,
        notifies: Callable[[FakeJournal], AppriseNotifier] | None = None,
        unexpected: Callable[[BaseException], object] = lambda _: None,
        started: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(name, unexpected=unexpected, started=started)
        self.works = False
        self._world, self._queue = world, queue
        self._policy, self._pause_on_failure = policy, pause_on_failure
        self._beside, self._broken, self._succeeds, self._notifies = beside, broken, succeeds, notifies

    def _prepare(self) -> None:
        self.works = False

    async def _run(self) -> None:
        """As `run` of workers/main.py: the process ends with its reason, which its log shows."""
        if self._broken():
            return
        with contextlib.suppress(UpdaterError, OSError, asyncio.CancelledError):
            await self._hold_and_work()

    async def _hold_and_work(self) -> None:
        world, lease = self._world, FakeLease(self._world.disk, self._work_begins)
        journal = FakeJournal(world.clock, world.fuse, world.disk, lambda: lease.taken)
        notifier = self._notifies(journal) if self._notifies is not None else None
        async with lease.held():
            journal.load()
            async with _sending(notifier):
                await self._work(lease, world.ports_of(journal, notifier))

    async def _work(self, lease: FakeLease, ports: Ports) -> None:
        stack = self._world.stack
        options: dict[str, Any] = {"policy": self._policy, "pause_on_failure": self._pause_on_failure}
        reconciler = Reconciler(stack, ports, **options, succeeds=self._succeeds, github=self._world.github)
        jobs = Jobs(stack, ports, reconciler)
        queue = partial(FakeQueueWorker, jobs, self._queue, self._world.clock, self._unexpected)
        await work(stack, reconciler, ports, self._beside(ports, reconciler), lease=lease, queue=queue)

    def _work_begins(self) -> None:
        self.works = True


@contextlib.asynccontextmanager
async def _sending(notifier: AppriseNotifier | None) -> AsyncIterator[None]:
    """As in workers/main.py. Its turns do not count as the worker's, so faults at a given turn stay where they were."""
    process = PROCESS.get()
    if notifier is None or process is None:
        yield
        return
    sending = process.follower().spawn(notifier.run())
    try:
        yield
    finally:
        sending.cancel()
