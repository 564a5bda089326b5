import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.domain.errors import StaleWorker
from workers.adapters.disk.lease import Lease

BEAT, LEASE, SOON, LONG = 0.2, 4.0, 0.2, 120.0
"""Seconds. An awake process beats within LEASE, also on a busy machine."""

held = 0

HOLDER = """
import asyncio, sys
from pathlib import Path
from workers.adapters.disk.lease import Lease

async def hold():
    async with Lease(Path(sys.argv[1]), beat=float(sys.argv[2]), lease=float(sys.argv[3])).held():
        print("held", flush=True)
        await asyncio.sleep(3600)

asyncio.run(hold())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state.json.lock"


def lease(path: Path) -> Lease:
    return Lease(path, beat=BEAT, lease=LEASE)


@contextmanager
def other_worker(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lease."""
    command = [sys.executable, "-c", HOLDER, str(path), str(BEAT), str(LEASE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


async def test_second_worker_is_refused(path: Path) -> None:
    with other_worker(path), pytest.raises(StaleWorker, match="only one worker per stack"):
        async with lease(path).held(wait=2 * LEASE):
            pass


async def test_worker_waits_for_the_ending_worker(path: Path) -> None:
    with other_worker(path) as process:
        waiting = asyncio.create_task(hold_lease(path))
        await asyncio.sleep(SOON)
        assert not waiting.done()
        process.kill()
        await asyncio.wait_for(waiting, LONG)


async def test_killed_workers_lease_is_free_at_once(path: Path) -> None:
    with other_worker(path) as process:
        process.kill()
        process.wait()
        async with lease(path).held(wait=0):
            pass


async def test_suspended_worker_loses_its_lease(path: Path) -> None:
    with other_worker(path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        async with lease(path).held(wait=LONG):
            os.kill(process.pid, signal.SIGCONT)
            with pytest.raises(StaleWorker):
                async with lease(path).held(wait=2 * LEASE):
                    pass


async def test_waiting_workers_hold_the_lease_in_turn(path: Path) -> None:
    with other_worker(path) as process:
        os.kill(process.pid, signal.SIGSTOP)
        holding: list[int] = []
        await asyncio.gather(*(hold_lease(path, holding) for _ in range(5)))
        assert len(holding) == 5
        assert max(holding) == 1, "two workers never hold the lease at once"


async def hold_lease(path: Path, holding: list[int] | None = None) -> None:
    """Hold the lease for a moment. Appends the number of holders, including this one, to `holding`."""
    global held  # noqa: PLW0603 - shared by several waiting workers
    async with lease(path).held(wait=LONG):
        held += 1
        if holding is not None:
            holding.append(held)
        await asyncio.sleep(SOON)
        held -= 1
