"""A headless Chromium: the machine's own, which Playwright drives."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from deploy.demo.docker.engine import EngineUnavailable, apt_install

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "chromium"
NETWORK_CHANGED, LOADS = "net::ERR_NETWORK_CHANGED", 50

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Without a sandbox because CI's root has none; without the requests that a browser makes by itself."""


def chromium_program(say: Callable[[str], None], *, install: bool) -> Path:
    """The program. `install`: as root, from the distribution if it is missing. Raises EngineUnavailable."""
    if found := _found():
        return found
    if not install or os.geteuid() != 0:
        raise EngineUnavailable(f"Chromium is missing. Install it (Debian: sudo apt-get install {PACKAGE}).")
    apt_install([PACKAGE], say)
    if found := _found():
        return found
    raise EngineUnavailable(f"the package {PACKAGE} has none of {', '.join(PROGRAMS)}")


async def load(page: Page, url: str) -> None:
    """Loads the page. Chromium drops every open request when a container elsewhere gets a network interface: again."""
    for _ in range(LOADS):
        try:
            await page.goto(url)
        except PlaywrightError as error:
            if NETWORK_CHANGED not in error.message:
                raise
        else:
            return
    raise EngineUnavailable(f"{url} cannot be loaded: the machine's network changes all the time ({NETWORK_CHANGED})")


def _found() -> Path | None:
    return next((Path(path) for name in PROGRAMS if (path := shutil.which(name))), None)
