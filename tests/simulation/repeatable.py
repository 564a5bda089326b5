"""What makes a play repeatable: nothing random in it, no logs, and a limit in real time."""

import contextlib
import logging
import secrets
import signal
import traceback
from collections.abc import Iterator
from itertools import count

import structlog

from tests.fakes.processes import Stuck


@contextlib.contextmanager
def nothing_random(seed: int) -> Iterator[None]:
    """The ids that the operating system would draw follow from the seed."""
    original, numbers = secrets.token_hex, count(1)
    secrets.token_hex = lambda nbytes=None: f"{seed:x}-{next(numbers)}"  # noqa: ARG005
    try:
        yield
    finally:
        secrets.token_hex = original


@contextlib.contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raises Stuck in what still runs after `seconds` of real time: something repeats without an await."""

    def end(*_: object) -> None:
        raise Stuck(f"it still runs after {seconds:g} s of real time:\n{''.join(traceback.format_stack(limit=12))}")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def no_logs() -> Iterator[None]:
    """Turns the logs off: the trace says more, and logs take time."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=False
    )
    try:
        yield
    finally:
        structlog.configure(**before)
