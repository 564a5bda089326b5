"""Several tabs and windows of one browser, which opens at most six connections to the updater for all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, Request

from tests.browser.conftest import HeldClock
from tests.browser.looking import Visitor, visiting
from tests.browser.test_dashboard import deploy
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, settled

pytestmark = [pytest.mark.redis, pytest.mark.usefixtures("worker")]

TABS = 8
HIDEABLE = """
let seen = true;
Object.defineProperty(document, "hidden", { get: () => !seen });
window.showPage = (now) => { seen = now; document.dispatchEvent(new Event("visibilitychange")); };
"""
"""Headless Chromium shows every tab as one that is seen. `showPage(false)` hides the page, as another tab would."""


class Streams:
    """The answers without an end that a page has open now."""

    def __init__(self, page: Page) -> None:
        self.open: set[Request] = set()
        self.asked: list[str] = []
        page.on("request", self._begins)
        page.on("requestfinished", self._ends)
        page.on("requestfailed", self._ends)

    def _begins(self, request: Request) -> None:
        if "/update/events" in request.url or "follow=1" in request.url:
            self.asked.append(request.url)
            self.open.add(request)

    def _ends(self, request: Request) -> None:
        self.open.discard(request)


@asynccontextmanager
async def tabs(browser: Browser, web: Listening, number: int) -> AsyncIterator[list[tuple[Visitor, Streams]]]:
    """Tabs of one browser, in which a person has logged in, opened one after the other."""
    async with visiting(browser, web.internal) as first:
        await first.page.context.add_init_script(HIDEABLE)
        streams = Streams(first.page)
        await first.log_in(web.secret)
        opened = [(first, streams)]
        for _ in range(number - 1):
            another = Visitor(await first.page.context.new_page(), web.internal)
            opened.append((another, Streams(another.page)))
            await another.open()
            await another.sees("v1.0.0 is live on blue.")
        yield opened
        for another, _ in opened[1:]:
            assert another.problems == []


def held(opened: list[tuple[Visitor, Streams]]) -> int:
    """How many connections of the browser are held."""
    return sum(len(streams.open) for _, streams in opened)


async def test_eight_tabs_of_one_browser_stay_live(browser: Browser, web: Listening, clock: HeldClock) -> None:
    async with tabs(browser, web, TABS) as opened:
        clock.hold()
        await deploy(web, "v1.1.0")
        await asyncio.gather(*(someone.sees("and is being watched") for someone, _ in opened))
        await asyncio.gather(*(someone.page.get_by_text("git_checkout_tag").first.wait_for() for someone, _ in opened))
        assert held(opened) <= 4
        clock.go_on()
        await asyncio.gather(*(someone.sees("v1.1.0 is live on green.") for someone, _ in opened))
        await until(lambda: held(opened) == 1)


async def test_hidden_tab_holds_no_connection_and_catches_up(browser: Browser, web: Listening) -> None:
    async with tabs(browser, web, 2) as opened:
        (first, streams), (second, theirs) = opened
        await until(lambda: len(streams.open) == 1)
        await first.page.evaluate("showPage(false)")
        await until(lambda: (len(streams.open), len(theirs.open)) == (0, 1))
        await second.page.evaluate("showPage(false)")
        await until(lambda: held(opened) == 0)
        await deploy(web, "v1.1.0")
        await settled(web, "v1.1.0")
        await first.page.evaluate("showPage(true)")
        await first.sees("v1.1.0 is live on green.")
        await first.sees("The rollout of v1.1.0 ended: went live")
        assert "last_event_id=" in streams.asked[-1], "it reads the events that it missed"


async def test_another_tab_goes_on_when_the_first_is_closed(browser: Browser, web: Listening) -> None:
    async with visiting(browser, web.internal) as someone:
        await someone.log_in(web.secret)
        another = Visitor(await someone.page.context.new_page(), web.internal)
        streams = Streams(another.page)
        await another.open()
        await another.sees("v1.0.0 is live on blue.")
        assert not streams.open
        await someone.page.close()
        await until(lambda: len(streams.open) == 1)
        assert another.problems == []
