"""Runs arq's worker in this process, on the world in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from arq.worker import Worker

from app.queue import open_pool
from tests.fakes.world import World
from workers.adapters.arq_worker import build_worker
from workers.control.jobs import Jobs
from workers.ports import Source

END_SECONDS = 60.0
"""The time for a running job to end before arq is closed, because arq would cancel it."""


async def jobs_of(world: World, source: Source | None = None) -> Jobs:
    """The jobs of a worker that has started."""
    ports, reconciler = replace(world.ports, source=source or world.source), world.worker()
    await reconciler.start()
    return Jobs(world.stack, ports, reconciler)


@asynccontextmanager
async def working(jobs: Jobs, url: str, namespace: str) -> AsyncIterator[Worker]:
    """Runs the worker inside the block like the worker process. Raises the worker's error if it ends early."""
    async with open_pool(url, namespace) as pool:
        worker = build_worker(jobs, pool, namespace)
        running = asyncio.create_task(worker.main())
        try:
            yield worker
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            if worker.tasks:
                await asyncio.wait(worker.tasks.values(), timeout=END_SECONDS)
            await worker.close()


def looked(world: World) -> bool:
    """Whether the worker has looked for work."""
    return world.state.looked_at is not None
