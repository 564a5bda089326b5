"""What a main module does before and after it imports the others: docs/architecture.md, "What a start costs"."""

import gc
import sys

HTTPX_COMMAND = "httpx._main"
"""httpx's own command line, which loads what it prints with. httpx does without."""

RICH = "rich"
"""structlog loads it if it can, and uses it for terminals alone."""


def begin(*unused: str) -> None:
    """Makes modules that this process does not use unavailable, and turns the garbage collector off.

    Collections would take a sixth of the start, and find nothing.
    """
    gc.disable()
    sys.modules |= dict.fromkeys(unused)  # type: ignore[arg-type] # None: https://docs.python.org/3/reference/import.html


def end() -> None:
    """Turns the garbage collector on. The modules stay: no later collection looks at them."""
    gc.freeze()
    gc.enable()
