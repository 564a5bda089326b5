"""The dashboard in a real Chromium: the real web app and Redis, and arq's worker on the world in memory."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from app.config.release_policy import ReleasePolicy
from app.domain.stack import Checks, Times
from deploy.demo.docker.engine import EngineUnavailable
from deploy.demo.pictures.chromium import ARGUMENTS, chromium_program
from tests.browser.looking import PATIENCE, Visitor, visiting
from tests.examples import a_stack
from tests.fakes.world import World
from tests.integration.conftest import ledger, namespace, pool, redis_url
from tests.integration.web.conftest import OPEN, Listening, WallClock, settings, web, working_on
from workers.control.reconcile import Reconciler

__all__ = ["ledger", "namespace", "pool", "redis_url", "settings", "web"]

WATCHED = Times(bake=1.5, drain=0.05, stop_grace=0.5, health=5, ready=5, route=5)


class HeldClock(WallClock):
    """After `hold`, its time stands still in that step until `go_on`: it lasts until the page has shown it."""

    def __init__(self) -> None:
        super().__init__()
        self.step: Callable[[], str | None] = lambda: None
        self._holds: str | None = None
        self._held_at: float | None = None

    def hold(self, step: str = "bake") -> None:
        self._holds = step

    def go_on(self) -> None:
        self._holds = self._held_at = None

    def monotonic(self) -> float:
        if self._holds and self._held_at is None and self.step() == self._holds:
            self._held_at = super().monotonic()
        return super().monotonic() if self._held_at is None else self._held_at

    def limit(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        return super().limit(seconds + 2 * PATIENCE)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Chromium. Its tests are skipped with the reason when it is missing; CI may install it from the distribution."""

    def say(text: str) -> None:
        print(f"[set-up] {text}", file=sys.stderr, flush=True)

    try:
        return chromium_program(say, install=bool(os.environ.get("CI")))
    except EngineUnavailable as missing:
        pytest.skip(f"not available here: {missing}")


@pytest.fixture
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def world(clock: HeldClock) -> World:
    """v1.0.0 is live on blue once the worker runs; v1.1.0 and v1.2.0 are tagged."""
    world = World(stack=a_stack(times=WATCHED, checks=Checks(passes=1, interval=0.02, timeout=1)), clock=clock)
    clock.step = lambda: world.state.rollout.running_step if world.state.rollout else None
    return world


@pytest.fixture
def policy() -> ReleasePolicy:
    """What the worker holds back; a test that needs another parametrizes it."""
    return OPEN


@pytest.fixture
async def worker(
    world: World, web: Listening, redis_url: str, tmp_path: Path, policy: ReleasePolicy
) -> AsyncIterator[Reconciler]:
    async with working_on(world, web.ledger, web.pool, redis_url, tmp_path, policy=policy) as reconciler:
        await web.pool.set(web.ledger.key("worker"), "1")
        yield reconciler


@pytest.fixture
async def visitor(browser: Browser, web: Listening) -> AsyncIterator[Visitor]:
    """A person who has logged in, on a desk. The test fails if the browser's console has an error."""
    async with visiting(browser, web.internal) as someone:
        await someone.log_in(web.secret)
        yield someone
