"""The dashboard of a whole environment: Traefik's counts become charts, and a release is watched until it is live."""

import pytest
from playwright.async_api import Browser

from deploy.demo.environment import Environment
from deploy.demo.load import Load
from tests.browser.conftest import browser, chromium
from tests.browser.looking import visiting

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.engine


async def test_release_is_watched_with_its_traffic(home: Environment, browser: Browser) -> None:
    await home.go_live("v1.0.0")
    async with Load(list(home.routes.values()), rps=50) as load, visiting(browser, home.internal_url) as someone:
        await someone.log_in(home.secret)
        await someone.sees("v1.0.0 is live on blue.")
        await someone.page.get_by_role("img", name="Requests of blue").wait_for()
        await home.go_live("v1.1.0")
        await someone.sees("v1.1.0 is live on green.")
        await someone.page.get_by_role("img", name="Requests of green").wait_for()
        assert (await someone.violations(), await someone.overflow()) == ([], 0)
        await someone.go("History")
        await someone.page.get_by_role("link", name="v1.1.0").click()
        await someone.sees("Failed requests")
        report = await load.stop()
    assert report.failed == 0
