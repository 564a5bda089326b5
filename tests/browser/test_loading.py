"""The page is loaded while the network or the updater changes."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Route

from tests.browser.looking import visiting
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening

pytestmark = pytest.mark.redis


def once(failing: Callable[[Route], Awaitable[None]]) -> Callable[[Route], Awaitable[None]]:
    """The first request fails, and later ones go through."""
    failed: list[str] = []

    async def answer(route: Route) -> None:
        if failed:
            await route.continue_()
        else:
            failed.append(route.request.url)
            await failing(route)

    return answer


async def dropped(route: Route) -> None:
    await route.abort()


async def replaced(route: Route) -> None:
    """As if web was replaced by another version since the page was loaded."""
    await route.fulfill(status=404)


@pytest.mark.parametrize(
    ("name", "failing"),
    [("views/plan.js", dropped), ("main.js", dropped), ("views/plan.js", replaced), ("page.css", replaced)],
)
async def test_page_is_loaded_again_if_a_file_is_missing(
    browser: Browser, web: Listening, name: str, failing: Callable[[Route], Awaitable[None]]
) -> None:
    async with visiting(browser, web.internal) as someone:
        loads: list[str] = []
        someone.page.on("domcontentloaded", lambda page: loads.append(page.url))
        await someone.page.route(f"**/{name}", once(failing))
        await someone.open()
        await until(lambda: len(loads) > 1)
        await someone.page.get_by_label("The shared secret").wait_for()
        someone.forgives("Failed to load resource")


async def test_durations_are_rounded_before_they_are_split(browser: Browser, web: Listening) -> None:
    async with visiting(browser, web.internal) as someone:
        await someone.open()
        module = await someone.page.locator('link[href$="/base/format.js"]').get_attribute("href")
        written = await someone.page.evaluate(
            "async ([module, all]) => { const { duration } = await import(module); return all.map(duration); }",
            [module, [0.4, 0.9996, 9.94, 9.97, 59.6, 119.7, 3599.8, 3720]],
        )
        assert written == ["400 ms", "1.0 s", "9.9 s", "10 s", "1 min 0 s", "2 min 0 s", "1 h 0 min", "1 h 2 min"]
