"""The open pages of `bin/bench dashboard` ask what the real page asks."""

import asyncio
import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Request

from deploy.bench.dashboard.pages import Page
from tests.browser.looking import Visitor
from tests.browser.test_dashboard import deploy
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, running

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("worker")]

STREAMS = {"GET /update/events", "GET /update/rollouts/{rollout}/log?follow=1"}


async def test_bench_asks_what_the_page_asks(visitor: Visitor, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=60)
    rollout = await deploy(web, "v1.1.0")
    await running(web, "v1.1.0")
    asked: set[str] = set()

    def note(sent: Request) -> None:
        parts = urlsplit(sent.url)
        path = re.sub(r"\?(last_event_id=.*)?$", "", f"{parts.path}?{parts.query}")
        if not path.startswith("/page/"):
            asked.add(f"{sent.method} {path}".replace(rollout, "{rollout}"))

    visitor.page.on("request", note)
    await visitor.open()
    await visitor.sees("v1.1.0 is going live")
    page = Page(urlsplit(web.internal).port or 0)
    await page.open(web.secret)
    staying = asyncio.create_task(page.stay())

    def theirs() -> set[str]:
        return {each.replace(rollout, "{rollout}") for each in page.asked}

    try:
        await until(lambda: asked >= STREAMS and theirs() >= STREAMS and "GET /update/traffic" in asked)
    finally:
        staying.cancel()
        await asyncio.wait([staying])
        await page.close()
    assert theirs() - {"POST /login"} == asked
