"""The contract of the lease, tested on the fake and on the file: with one worker in a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from app.domain.errors import StaleWorker
from tests.fakes.disk import FakeDisk, FakeLease
from tests.fakes.processes import Process, ProcessLoop
from workers.adapters.disk.lease import LEASE_SECONDS, Lease

BEAT, SHORT = 0.2, 4.0
"""Seconds: of the real lease in these tests. An awake process on a busy machine beats in this time."""

HOLDER = """
import asyncio, sys
from pathlib import Path
from workers.adapters.disk.lease import Lease

async def hold():
    lease = Lease(Path(sys.argv[1]), beat=float(sys.argv[2]), lease=float(sys.argv[3]))
    async with lease.held():
        print("held", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(lease.taken, flush=True)

asyncio.run(hold())
"""


class Holder(Protocol):
    """Another worker that holds the lease."""

    def kill(self) -> None: ...
    def suspend(self) -> None: ...
    def resume(self) -> None: ...
    async def taken(self) -> bool:
        """Whether it knows that its lease was taken over. It must be awake."""


class LeaseBench(Protocol):
    """`silence` is the time after which a silent holder loses the lease; `lease` is this worker's access to it."""

    silence: float

    def other_worker(self) -> AbstractAsyncContextManager[Holder]: ...
    def lease(self, wait: float) -> AbstractAsyncContextManager[None]: ...


class LeaseContract:
    async def test_a_free_lease_is_taken_at_once(self, bench: LeaseBench) -> None:
        for _ in range(2):
            async with bench.lease(0):
                pass

    async def test_an_awake_worker_keeps_the_lease(self, bench: LeaseBench) -> None:
        async with bench.other_worker() as holder:
            with pytest.raises(StaleWorker):
                async with bench.lease(2 * bench.silence):
                    pass
            assert not await holder.taken()

    async def test_a_killed_workers_lease_is_free(self, bench: LeaseBench) -> None:
        async with bench.other_worker() as holder:
            holder.kill()
            async with bench.lease(bench.silence / 2):
                pass

    async def test_a_suspended_worker_loses_the_lease_for_good(self, bench: LeaseBench) -> None:
        async with bench.other_worker() as holder:
            holder.suspend()
            with pytest.raises(StaleWorker):
                async with bench.lease(0):
                    pass
            async with bench.lease(4 * bench.silence):
                holder.resume()
                assert await holder.taken()
                await asyncio.sleep(bench.silence / 2)
                with pytest.raises(StaleWorker):
                    async with bench.lease(2 * bench.silence):
                        pass


class FakeHolder:
    def __init__(self, process: Process, lease: FakeLease) -> None:
        self.kill, self.suspend, self.resume = process.kill, process.suspend, process.resume
        self._lease = lease

    async def taken(self) -> bool:
        return self._lease.taken


class FakeLeaseBench:
    silence = LEASE_SECONDS

    def __init__(self) -> None:
        self._disk = FakeDisk()

    @asynccontextmanager
    async def other_worker(self) -> AsyncIterator[Holder]:
        process, held, lease = Process("other"), asyncio.Event(), FakeLease(self._disk)

        async def hold() -> None:
            async with lease.held():
                held.set()
                await asyncio.sleep(3600)

        holding = process.spawn(hold())
        await held.wait()
        yield FakeHolder(process, lease)
        process.resume()
        process.alive = True  # so that the loop can end it
        holding.cancel()

    def lease(self, wait: float) -> AbstractAsyncContextManager[None]:
        return FakeLease(self._disk).held(wait)


class RealHolder:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)

    def suspend(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    async def taken(self) -> bool:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"?\n")
        return await self._process.stdout.readline() == b"True\n"


@asynccontextmanager
async def real_holder(code: str, *arguments: str) -> AsyncIterator[Holder]:
    """A process that runs `code`, and holds the lease."""
    pipe = asyncio.subprocess.PIPE
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments, stdin=pipe, stdout=pipe)
    assert started.stdout is not None
    assert await started.stdout.readline() == b"held\n"
    try:
        yield RealHolder(started)
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


class RealLeaseBench:
    silence = SHORT

    def __init__(self, path: Path) -> None:
        self._path = path

    def other_worker(self) -> AbstractAsyncContextManager[Holder]:
        return real_holder(HOLDER, str(self._path), str(BEAT), str(SHORT))

    def lease(self, wait: float) -> AbstractAsyncContextManager[None]:
        return Lease(self._path, beat=BEAT, lease=SHORT).held(wait)


class TestFakeLease(LeaseContract):
    loop = ProcessLoop

    @pytest.fixture
    def bench(self) -> LeaseBench:
        return FakeLeaseBench()


class TestFileLease(LeaseContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> LeaseBench:
        return RealLeaseBench(tmp_path / "state.json.lock")
