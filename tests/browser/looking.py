"""A person at the dashboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page

from deploy.demo.pictures.chromium import NETWORK_CHANGED, load

SERIOUS = {"serious", "critical"}
PICTURES = Path(__file__).parents[2] / ".cache" / "pictures"
PATIENCE = 180.0
"""Seconds that a test waits for what the page shows: a busy machine starts a page slowly."""


class Visitor:
    """`problems`: errors in the browser's console, and requests that left the updater's own address.

    A request that Chromium drops because an interface of the machine came or went is none: the page asks again.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address
        self.problems: list[str] = []
        page.set_default_timeout(1000 * PATIENCE)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and NETWORK_CHANGED not in message.text:
            self.problems.append(message.text)

    def _asked(self, url: str) -> None:
        if not url.startswith(self._address):
            self.problems.append(f"a request to {url}")

    def forgives(self, part: str) -> None:
        """Drops the problems that have `part` in their text: what the test itself did."""
        self.problems = [problem for problem in self.problems if part not in problem]

    async def open(self, path: str = "/") -> None:
        await load(self.page, self._address + path)

    async def log_in(self, secret: str, path: str = "/") -> None:
        await self.open(path)
        await self.page.get_by_label("The shared secret").fill(secret)
        await self.page.keyboard.press("Enter")
        await self.page.get_by_role("navigation").wait_for()

    async def sees(self, text: str) -> None:
        """Waits until the page shows `text`."""
        await self.page.get_by_text(text).first.wait_for()

    async def press(self, name: str, *, exact: bool = True) -> None:
        """Presses the button with that name."""
        await self.page.get_by_role("button", name=name, exact=exact).click()

    async def go(self, name: str) -> None:
        """Follows the link of the navigation."""
        await self.page.get_by_role("navigation").get_by_role("link", name=name).click()

    async def headline(self) -> str:
        return (await self.page.get_by_role("heading", level=1).inner_text()).strip()

    async def violations(self) -> list[str]:
        """What axe-core finds serious or critical, with the elements."""
        script = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        await self.page.evaluate(script)
        found: dict[str, Any] = await self.page.evaluate("axe.run()")
        return [
            f"{each['id']}: {node['html']}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    async def picture(self, name: str) -> None:
        """Keeps a picture of the whole page in PICTURES, for people who look at how it looks."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    async def overflow(self) -> float:
        """How many pixels the page is wider than the window."""
        return float(await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@asynccontextmanager
async def visiting(
    browser: Browser, address: str, *, width: int = 1280, scheme: str = "light"
) -> AsyncIterator[Visitor]:
    """A person who has not logged in. Raises AssertionError at the end if the browser has a problem."""
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        timezone_id="Europe/Zurich",
    )
    someone = Visitor(await context.new_page(), address)
    try:
        yield someone
        assert not someone.problems, someone.problems
    finally:
        await context.close()
