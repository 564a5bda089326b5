"""What the parts beside the rollouts need open: from when the worker is up until they have ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from app.config.release_policy import ReleasePolicy
from app.domain.findings import Alarm
from tests.fakes.disk import FakeLease
from tests.fakes.queue import FakeQueue, FakeQueueWorker
from tests.fakes.world import World
from workers.control.jobs import Jobs
from workers.control.reconcile import Reconciler
from workers.main import work


class Part:
    """Records when it runs, and that its end takes a moment."""

    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    async def run(self) -> None:
        self._seen.append("runs")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            self._seen.append("ended")

    def alarms(self) -> Sequence[Alarm]:
        return ()


async def test_connection_outlives_the_parts(world: World) -> None:
    seen: list[str] = []

    @contextlib.asynccontextmanager
    async def connected() -> AsyncIterator[None]:
        seen.append("open")
        try:
            yield
        finally:
            seen.append("closed")

    reconciler = Reconciler(world.stack, world.ports, policy=ReleasePolicy(), pause_on_failure=True)
    jobs = Jobs(world.stack, world.ports, reconciler)
    lease = FakeLease(world.disk, lambda: seen.append("works"))
    working = asyncio.create_task(
        work(
            world.stack,
            reconciler,
            world.ports,
            [Part(seen)],
            lease=lease,
            queue=lambda: FakeQueueWorker(jobs, FakeQueue(lambda: True), world.clock, lambda _: None),
            connected=connected,
        )
    )
    await asyncio.sleep(60)
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    assert seen == ["works", "open", "runs", "ended", "closed"]
