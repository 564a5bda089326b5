# ruff: noqa: PLC0415 - schemathesis takes a second of CPU to import, in each process that collects the tests
"""Checks the OpenAPI document against the real answers, with each kind of authentication."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest

from app.auth.callers import make_token
from app.auth.scope import Scope
from app.auth.tokens import SESSION, sign_token
from app.ledger import Ledger
from app.queue import open_pool
from app.web.internal.caller import COOKIE
from tests.fakes.world import World
from tests.integration.web.conftest import a_world, working_on
from tests.integration.web.server.process import WebProcess, web_process

pytestmark = [
    pytest.mark.redis,
    # Hypothesis takes the chance that the worker's thread uses meanwhile for that of its own strategies.
    pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies"),
]

EXAMPLES = 8
ENDLESS = ["/update/events", "/update/rollouts/{rollout_id}/log"]
"""Streams, which test_calls tests."""

WRONG_PROOFS = {"login failed: wrong secret", "login failed: invalid or expired link", "wrong secret or token"}
"""The log lines of calls whose generated proof is wrong."""

SESSION_ID = "s-1"


class WorkerThread(threading.Thread):
    """Runs the worker in its own loop."""

    def __init__(self, redis_url: str, namespace: str, directory: Path) -> None:
        super().__init__(daemon=True)
        self._args = (redis_url, namespace, directory)
        self.up = threading.Event()

    def run(self) -> None:
        asyncio.run(self._work(*self._args))

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join()

    async def _work(self, redis_url: str, namespace: str, directory: Path) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as stack:
            pool = open_pool(redis_url, namespace)
            stack.push_async_callback(pool.aclose)
            world: World = a_world()
            await stack.enter_async_context(working_on(world, Ledger(pool, namespace), pool, redis_url, directory))
            self.up.set()
            await self._over.wait()


@dataclass(frozen=True)
class Stage:
    web: WebProcess
    redis_url: str
    namespace: str

    @property
    def secret_path(self) -> Path:
        return self.web.log.parent / "secret"

    async def open_session(self) -> None:
        pool = open_pool(self.redis_url, self.namespace)
        await Ledger(pool, self.namespace).open_session(SESSION_ID, 600)
        await pool.aclose()


@pytest.fixture(scope="module")
def stage(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    # Before the thread starts: Python 3.11.2 cannot compile it while another one runs.
    import schemathesis.specs.openapi.schemas  # noqa: F401

    directory, namespace = tmp_path_factory.mktemp("openapi"), f"test-{uuid4().hex}"
    worker = WorkerThread(redis_url, namespace, directory)
    worker.start()
    assert worker.up.wait(120)
    with web_process(redis_url, namespace, directory) as running:
        yield Stage(running, redis_url, namespace)
    worker.stop()
    assert {line["level"] for line in running.lines() if line["event"] not in WRONG_PROOFS} == {"info"}


def by_secret(stage: Stage) -> dict[str, str]:
    return {"X-Updater-Secret": stage.secret_path.read_text().strip()}


def by_token(stage: Stage) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_token(stage.secret_path, Scope.OPERATE, 600)}"}


def by_session(stage: Stage) -> dict[str, str]:
    asyncio.run(stage.open_session())
    session = sign_token([stage.secret_path.read_text().strip().encode()], Scope.OPERATE, 600, SESSION, SESSION_ID)
    return {"Cookie": f"{COOKIE}={session}", "X-Updater-Request": "dashboard"}


@pytest.mark.parametrize("proof", [by_secret, by_token, by_session])
def test_every_answer_matches_the_document(stage: Stage, proof: Callable[[Stage], dict[str, str]]) -> None:
    import schemathesis

    schema = schemathesis.openapi.from_url(f"{stage.web.internal}/openapi.json")
    for result in schema.exclude(path=ENDLESS).get_all_operations():
        hold(result.ok(), proof(stage))  # type: ignore[union-attr] # a new proof: one of the calls is a logout


def hold(operation: Any, proven: dict[str, str]) -> None:
    """Makes generated calls of `operation`, and checks each answer."""
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    def call(case: Any) -> None:
        case.call_and_validate(headers=proven, excluded_checks=[positive_data_acceptance])

    call()
