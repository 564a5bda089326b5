"""Long-waiting calls on the real web process: no timeout of the server ends them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.config.settings import WebSettings
from app.ledger import Ledger
from app.queue import open_pool
from app.web.server.serve import listener
from deploy.demo.clients import plain_client
from tests.fakes.world import World
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import LIMIT, POLL_SECONDS, until
from tests.integration.web.conftest import Listening, a_world, environ, listening, working_on
from tests.integration.web.programs.clients import MORE_FIELDS, Outcome, Program
from tests.integration.web.server.process import WebProcess, web_process
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

LONG = 3600.0
SEEN_SECONDS = 12.0
"""Seconds until a color becomes healthy: meanwhile web is stopped."""

KEEP_ALIVE_SECONDS = listener("127.0.0.1:0").keep_alive_timeout
"""The time after which Hypercorn closes an idle connection; a connection with an open call is not idle."""

IDLE_SECONDS = 3
"""A waiting call polls Redis at least once a second; without a poll for this time, no call waits."""


@asynccontextmanager
async def process(redis_url: str, namespace: str, directory: Path) -> AsyncIterator[WebProcess]:
    """The web process with the wait time of the production stack."""
    with ExitStack() as stack:
        settings = {"UPDATER_APPLY_WAIT_SECONDS": "840"}
        entering = web_process(redis_url, namespace, directory, **settings)
        yield await asyncio.to_thread(stack.enter_context, entering)


def caller(web: WebProcess, directory: Path) -> httpx.AsyncClient:
    secret = {"X-Updater-Secret": (directory / "secret").read_text().strip()}
    return plain_client(base_url=web.internal, headers=secret)


async def rolling(ledger: Ledger) -> bool:
    return (await ledger.status() or {}).get("rollout") is not None


async def test_rollout_may_outlast_the_keep_alive(
    redis_url: str, namespace: str, tmp_path: Path, worker: Reconciler, world: World
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=KEEP_ALIVE_SECONDS * 0.6)
    world.engine.behave("bot", "v1.1.0", ready_after=KEEP_ALIVE_SECONDS * 0.6)
    async with process(redis_url, namespace, tmp_path) as web, caller(web, tmp_path) as http:
        began = asyncio.get_running_loop().time()
        shown = await Program(http, later=True).apply("v1.1.0")
        took = asyncio.get_running_loop().time() - began
        again = await Program(http, later=True).apply("v1.1.0")
    assert (shown.outcome, took > KEEP_ALIVE_SECONDS) == (Outcome.SUCCESS, True), shown
    assert (again.outcome, again.body["steps_completed"]) == (Outcome.SUCCESS, [])
    lines = [line for line in web.lines() if line["event"] == "unknown fields are ignored"]
    assert [(line["call"], set(line["fields"])) for line in lines] == [("/update/apply", set(MORE_FIELDS))]
    assert str(MORE_FIELDS["github_token"]) not in web.log.read_text()


async def test_stopping_web_answers_waiting_callers(
    redis_url: str, tmp_path: Path, worker: Reconciler, world: World, ledger: Ledger
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=SEEN_SECONDS)
    async with process(redis_url, ledger.key("")[:-1], tmp_path) as web, caller(web, tmp_path) as http:
        waiting = asyncio.create_task(Program(http).apply("v1.1.0"))
        await until(lambda: rolling(ledger))
        os.kill(web.pid, signal.SIGTERM)
        shown = await waiting
    assert (shown.outcome, shown.body["status"]) == (Outcome.FAILED, "queued")
    assert "restarting" in str(shown.error)
    await until(lambda: world.state.current is not None and world.state.current.tag == "v1.1.0")


async def test_wait_ends_when_its_caller_disconnects(own_server: OwnRedis, tmp_path: Path) -> None:
    world, pool = a_world(), open_pool(own_server.url, "x")
    world.engine.behave("api", "v1.1.0", ready_after=LONG)
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path) | {"UPDATER_APPLY_WAIT_SECONDS": "840"})
    async with (
        working_on(world, Ledger(pool, "x"), pool, own_server.url, tmp_path) as reconciler,
        listening(settings, pool) as web,
    ):
        async with web.client() as http:
            waiting = asyncio.create_task(Program(http).apply("v1.1.0"))
            await until(lambda: waits(web))
            waiting.cancel()
        await until_no_call_waits(web)
        assert reconciler.busy
        async with web.client() as http:
            rollout_id = (await http.get("/status")).json()["rollout"]["id"]
            await http.post("/update/cancel", json={"rollout_id": rollout_id})
        await until(lambda: not reconciler.busy)
    await pool.aclose()


async def waits(web: Listening) -> bool:
    """Whether a call is waiting for an event of the ledger."""
    return any(c["cmd"] == "xread" and "b" in c["flags"] for c in await web.pool.client_list())


async def until_no_call_waits(web: Listening) -> None:
    """Returns when no call has waited for IDLE_SECONDS. Raises TimeoutError."""
    clock = asyncio.get_running_loop()
    async with asyncio.timeout(LIMIT):
        seen = clock.time()
        while clock.time() - seen < IDLE_SECONDS:
            seen = clock.time() if await waits(web) else seen
            await asyncio.sleep(POLL_SECONDS)
