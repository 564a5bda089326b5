"""A browser on the dashboard, which takes pictures while a release goes live: each in light and in dark."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Page, async_playwright

from deploy.demo.docker.engine import Say
from deploy.demo.pictures.chromium import ARGUMENTS, chromium_program, load
from deploy.demo.pictures.smaller import smaller

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTH, HEIGHT = 1120, 780
MOST_BYTES = 100_000
"""What a reader of README should have to load for one picture."""

SMALLER = ("--disable-lcd-text", "--hide-scrollbars")
"""Colored edges of letters make a picture larger."""

PATIENCE_MS = 60_000
LAST_SECONDS = 10.0
"""How long a picture of the bake may still take after the rollout has ended."""

BAKE = '[data-key$="-bake"][aria-current=step]'
NO_REQUESTS = '.lane:not(.active) .chart:first-child .chart-value:text-is("0/s")'
WATCHED = f'{NO_REQUESTS}, [data-key$="-bake"].done, [data-key=idle]'
"""The figures are of after the flip, or there will be none."""


@dataclass(frozen=True)
class Camera:
    """`page` has logged in to the dashboard at `address`; `counting` is empty. The pictures go to `folder`."""

    page: Page
    counting: Page
    address: str
    folder: Path
    say: Say

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Takes `dashboard-now` in the bake of the rollout that runs in the block: both colors, steps and log."""
        taking = asyncio.create_task(self._bake())
        try:
            yield
            await asyncio.wait([taking], timeout=LAST_SECONDS)
        finally:
            if taking.cancel():
                self.say("no picture of the bake: the release did not get that far")
            with suppress(asyncio.CancelledError):
                await taking

    async def _bake(self) -> None:
        await load(self.page, self.address)
        await self.page.locator(BAKE).wait_for(timeout=0)
        await self.page.locator(WATCHED).first.wait_for()
        await self._take("now")

    async def rollout(self, rollout_id: str) -> None:
        """Takes `dashboard-rollout`: the page of a rollout that has ended."""
        await load(self.page, f"{self.address}/rollouts/{rollout_id}")
        await self.page.locator(".waterfall .step").first.wait_for()
        await self._take("rollout")

    async def _take(self, name: str) -> None:
        for scheme in SCHEMES:
            path = self.folder / f"dashboard-{name}-{scheme}.png"
            await self.page.emulate_media(color_scheme=scheme)
            picture = await smaller(self.counting, await self.page.screenshot())
            await asyncio.to_thread(path.write_bytes, picture)
            size = len(picture)
            large = f": more than the {MOST_BYTES:,} that a page should load" if size > MOST_BYTES else ""
            self.say(f"picture: {path.name}, {size:,} bytes{large}")


@asynccontextmanager
async def camera(address: str, secret: str, folder: Path, say: Say) -> AsyncIterator[Camera]:
    """A Chromium that has logged in with the shared secret. Raises EngineUnavailable without one."""
    program = chromium_program(say, install=True)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=[*ARGUMENTS, *SMALLER])
        page = await browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", timezone_id="UTC", reduced_motion="reduce"
        )
        page.set_default_timeout(PATIENCE_MS)
        await load(page, address)
        await page.locator("#secret").fill(secret)
        await page.keyboard.press("Enter")
        await page.locator("#nav").wait_for()
        yield Camera(page, await browser.new_page(), address, folder, say)
        await browser.close()
