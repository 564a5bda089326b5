"""The command line with a real web process, a real Redis, and a worker on the world in memory."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from app.config.release_policy import ReleasePolicy
from app.domain.release import Release
from app.ledger import Ledger
from app.queue import Queue, open_pool
from deploy.demo.clients import plain_sync_client
from deploy.demo.processes import ROOT, free_port, running
from tests.examples import a_stack
from tests.fakes.source import FakeSource
from tests.fakes.world import World
from tests.integration.redis.arq_worker import working
from tests.integration.waiting import until
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.adapters.publisher import LedgerPublisher
from workers.control.jobs import Jobs
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.rollout.pipeline import step_ids

UP_SECONDS = 180.0
COMMAND_SECONDS = 180.0
POLL_SECONDS = 0.05
OPEN = ReleasePolicy()
STACK = Path(__file__).parents[3] / "config" / "stack.yml"


class GatedSource(FakeSource):
    """Holds rollouts in `git_fetch_tags` until the gate is open."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, tag: str, approved: str | None = None) -> str:
        await self.gate.wait()
        return await super().fetch(tag, approved)


@dataclass(frozen=True)
class Done:
    """The result of a command."""

    code: int
    out: str
    err: str


@dataclass
class Front:
    """The updater's web process, which can be stopped and restarted, and the worker behind it."""

    directory: Path
    redis_url: str
    namespace: str
    world: World
    source: GatedSource
    port: int = field(default_factory=free_port)
    _web: ExitStack = field(default_factory=ExitStack)

    @property
    def secret_path(self) -> Path:
        return self.directory / "secret"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that an operator sets."""
        return {"UPDATER_URL": f"http://127.0.0.1:{self.port}", "UPDATER_SECRET_PATH": str(self.secret_path)}

    async def start_web(self) -> None:
        env = {
            **self.environment,
            "REDIS_URL": self.redis_url,
            "UPDATER_NAMESPACE": self.namespace,
            "UPDATER_STACK_FILE": str(STACK),
            "UPDATER_BIND": f"127.0.0.1:{self.port}",
            "UPDATER_PUBLIC_BIND": f"127.0.0.1:{free_port()}",
            "GITHUB_WEBHOOK_SECRET": "a-webhook-secret-of-the-tests",
        }
        log = self.directory / "web.log"
        process = self._web.enter_context(running([sys.executable, "-m", "app.main"], env, log))
        await asyncio.to_thread(self._wait_until_up, process, log)

    async def stop_web(self) -> None:
        await asyncio.to_thread(self._web.close)

    def _wait_until_up(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        deadline = time.monotonic() + UP_SECONDS
        with plain_sync_client(timeout=30) as client:
            while True:
                with suppress(httpx.HTTPError):
                    if client.get(f"{self.environment['UPDATER_URL']}/health").is_success:
                        return
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the web process did not come up:\n{log.read_text()[-2000:]}")
                time.sleep(POLL_SECONDS)

    async def accept(self, release: Release) -> None:
        """Accepts a release like a delivery from GitHub, and waits until the journal has it."""
        pool = open_pool(self.redis_url, self.namespace)
        await Ledger(pool, self.namespace).accept(release)
        await Queue(pool).nudge()
        await until(lambda: self._knows(release))
        await pool.aclose()

    async def _knows(self, release: Release) -> bool:
        return release.tag in (await self.published())["held"]

    async def published(self) -> dict[str, Any]:
        """The last status that the worker published."""
        pool = open_pool(self.redis_url, self.namespace)
        status = await Ledger(pool, self.namespace).status()
        await pool.aclose()
        return status or {"held": []}

    async def is_live(self, tag: str) -> bool:
        current = self.world.state.current
        return current is not None and current.tag == tag

    async def run(self, *words: str, **env: str) -> Done:
        """Runs `updater WORDS` to its end."""
        async with self.command(*words, **env) as process:
            out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    @asynccontextmanager
    async def command(self, *words: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Runs `updater WORDS` until the end of the block."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", *words),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **self.environment, **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


@asynccontextmanager
async def front(
    directory: Path, redis_url: str, namespace: str, *, policy: ReleasePolicy = OPEN, **stack: Any
) -> AsyncIterator[Front]:
    """Runs web and worker inside the block, with v1.0.0 live on blue."""
    world, source = World(a_stack(**stack)), GatedSource("v0.9.0", "v1.0.0", "v1.1.0", "v1.2.0")
    await world.live("v1.0.0")
    home = Front(directory, redis_url, namespace, world, source)
    pool = open_pool(redis_url, namespace)
    ledger = Ledger(pool, namespace)
    history = HistoryFile(directory / "history.jsonl")
    logs = RolloutLogs(directory / "logs")
    publisher = LedgerPublisher(ledger, partial(step_ids, world.stack), history, logs, world.clock, policy=policy)
    writing = asyncio.create_task(publisher.run())
    ports: Ports = replace(world.ports, source=source, publisher=publisher, inbox=ledger)
    reconciler = Reconciler(world.stack, ports, policy=policy)
    try:
        await reconciler.start()
        async with working(Jobs(world.stack, ports, reconciler), redis_url, namespace):
            await Queue(pool).nudge()
            await home.start_web()
            yield home
            source.gate.set()
    finally:
        await home.stop_web()
        await publisher.flush()
        writing.cancel()
        await pool.aclose()
