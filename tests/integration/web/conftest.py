"""Both listeners on loopback sockets, with a real Redis, and arq's worker on the world in memory."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis
from starlette.applications import Starlette

from app.auth.callers import SharedSecret
from app.config.release_policy import ReleasePolicy
from app.config.settings import WebSettings
from app.domain.stack import Checks, Times
from app.ledger import Ledger
from app.main import Faces, wire
from app.queue import Queue
from app.web.server.serve import listener, serve
from deploy.demo.clients import plain_client
from tests.examples import a_stack
from tests.fakes.clock import FakeClock
from tests.fakes.world import World
from tests.integration.redis.arq_worker import working
from tests.integration.waiting import until
from tests.integration.web.programs.clients import Program
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.adapters.publisher import LedgerPublisher
from workers.control.jobs import Jobs
from workers.control.reconcile import Reconciler
from workers.rollout.pipeline import step_ids

WEBHOOK_SECRET = "a-webhook-secret-of-the-tests"
OLD_WEBHOOK_SECRET = "an-older-webhook-secret"
QUICK = Times(bake=0.05, drain=0.05, stop_grace=0.5, health=120, ready=120, route=120)


OPEN = ReleasePolicy()


class WallClock(FakeClock):
    """A clock that waits in the loop's time and reports the real time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def environ(redis_url: str, namespace: str, directory: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "UPDATER_NAMESPACE": namespace,
        "GITHUB_WEBHOOK_SECRET": f"{WEBHOOK_SECRET},{OLD_WEBHOOK_SECRET}",
        "UPDATER_SECRET_PATH": str(directory / "secret"),
        "AUTO_UPDATE_REPO": "octo/shop",
    }


@dataclass(frozen=True)
class Listening:
    """The URLs of the two applications, and the parts that they were made with."""

    faces: Faces
    public: str
    internal: str
    secret_path: Path
    pool: ArqRedis
    ledger: Ledger

    @property
    def secret(self) -> str:
        return SharedSecret(self.secret_path).keys()[0].decode()

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client of the internal listener; it sends the shared secret unless `headers` are given."""
        return plain_client(base_url=self.internal, headers=headers or {"X-Updater-Secret": self.secret}, timeout=120)


@asynccontextmanager
async def listening(settings: WebSettings, pool: ArqRedis) -> AsyncIterator[Listening]:
    """Runs both listeners until the end of the block."""
    faces = wire(settings, pool)
    async with asyncio.TaskGroup() as group:
        public, internal = (_serve(group, app, faces.closing) for app in (faces.public, faces.internal))
        try:
            ledger = Ledger(pool, settings.namespace)
            yield Listening(faces, public, internal, settings.secret_path, pool, ledger)
        finally:
            faces.closing.set()


def _serve(group: asyncio.TaskGroup, app: Starlette, closing: asyncio.Event) -> str:
    listener_socket = socket.create_server(("127.0.0.1", 0))
    port = listener_socket.getsockname()[1]
    group.create_task(serve(app, listener(f"fd://{listener_socket.detach()}"), closing))
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def settings(redis_url: str, namespace: str, tmp_path: Path) -> WebSettings:
    return WebSettings.from_environ(environ(redis_url, namespace, tmp_path))


@pytest.fixture
async def web(settings: WebSettings, pool: ArqRedis) -> AsyncIterator[Listening]:
    """The web process's two applications, without a worker."""
    async with listening(settings, pool) as both:
        yield both


@pytest.fixture
async def client(web: Listening) -> AsyncIterator[httpx.AsyncClient]:
    async with web.client() as caller:
        yield caller


def a_world() -> World:
    return World(stack=a_stack(times=QUICK, checks=Checks(passes=1, interval=0.02, timeout=30)), clock=WallClock())


@asynccontextmanager
async def working_on(
    world: World, ledger: Ledger, pool: ArqRedis, redis_url: str, directory: Path, *, policy: ReleasePolicy = OPEN
) -> AsyncIterator[Reconciler]:
    """Runs the worker like its process, on the world in memory and the real ledger. v1.0.0 is live on blue."""
    await world.live("v1.0.0")
    archive, logs = HistoryFile(directory / "history.jsonl"), RolloutLogs(directory / "logs")
    publisher = LedgerPublisher(ledger, partial(step_ids, world.stack), archive, logs, world.clock, policy=policy)
    ports = replace(world.ports, inbox=ledger, publisher=publisher)
    reconciler = Reconciler(world.stack, ports, policy=policy)
    writing = asyncio.create_task(publisher.run())
    try:
        await reconciler.start()
        await publisher.flush()
        async with working(Jobs(world.stack, ports, reconciler), redis_url, ledger.key("")[:-1]):
            await Queue(pool).nudge()
            yield reconciler
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


@pytest.fixture
def world() -> World:
    """v1.0.0 is live on blue once the worker runs; v1.1.0 and v1.2.0 are tagged."""
    return a_world()


@pytest.fixture
async def worker(
    world: World, ledger: Ledger, pool: ArqRedis, redis_url: str, tmp_path: Path
) -> AsyncIterator[Reconciler]:
    async with working_on(world, ledger, pool, redis_url, tmp_path) as reconciler:
        yield reconciler


WAIT_SECONDS = 90.0
SHORT_SECONDS = 0.3


@asynccontextmanager
async def program(settings: WebSettings, web: Listening, *, later: bool, wait: float) -> AsyncIterator[Program]:
    """A client program and a web process with UPDATER_APPLY_WAIT_SECONDS set to `wait`."""
    waiting = settings.model_copy(update={"apply_wait": wait})
    async with listening(waiting, web.pool) as patient, patient.client() as http:
        yield Program(http, later=later)


@pytest.fixture(params=[False, True], ids=["earlier", "later"])
async def skills(
    request: pytest.FixtureRequest, settings: WebSettings, web: Listening, worker: Reconciler
) -> AsyncIterator[Program]:
    async with program(settings, web, later=request.param, wait=WAIT_SECONDS) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["earlier", "later"])
async def impatient(
    request: pytest.FixtureRequest, settings: WebSettings, web: Listening, worker: Reconciler
) -> AsyncIterator[Program]:
    """A program whose wait ends before the rollout."""
    async with program(settings, web, later=request.param, wait=SHORT_SECONDS) as client:
        yield client


async def settled(web: Listening, tag: str) -> None:
    """Waits until the status that web reads has `tag` live and no rollout."""

    async def seen() -> bool:
        status = await web.ledger.status() or {}
        return (status.get("current") or {}).get("tag") == tag and status.get("rollout") is None

    await until(seen)


async def running(web: Listening, tag: str) -> None:
    async def seen() -> bool:
        return ((await web.ledger.status() or {}).get("rollout") or {}).get("tag") == tag

    await until(seen)
