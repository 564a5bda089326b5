"""Lets one process at a time write in a directory."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from app.domain.errors import StaleWorker

LIMIT_SECONDS = 10.0
"""How long to wait for another process's write. One that takes longer is suspended in the middle of it."""

POLL_SECONDS = 0.02


@contextlib.contextmanager
def one_writer(directory: Path, *, limit: float = LIMIT_SECONDS) -> Iterator[None]:
    """Waits for the directory's lock and holds it. Blocks the thread.

    Raises StaleWorker after `limit` seconds, OSError. The kernel frees the lock of a process that ends.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + limit
        while not _locked(handle):
            if time.monotonic() > deadline:
                raise StaleWorker(
                    f"another worker holds {directory} and has not ended its write for {limit:g} s. It is probably "
                    "suspended: end it, or let it continue. Your traffic is not affected."
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
