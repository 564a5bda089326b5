"""A headless Chromium: the machine's own, which Playwright drives."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from deploy.demo.docker.engine import EngineUnavailable, apt_install

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "chromium"

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
        raise EngineUnavailable(f"it is missing. Install it (Debian: sudo apt-get install {PACKAGE}).")
    apt_install([PACKAGE], say)
    if found := _found():
        return found
    raise EngineUnavailable(f"the package {PACKAGE} has none of {', '.join(PROGRAMS)}")


def _found() -> Path | None:
    return next((Path(path) for name in PROGRAMS if (path := shutil.which(name))), None)
