"""A lock for one host at a time: two would use the same image names, container names and ports."""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TURN_SECONDS, POLL_SECONDS = 1800.0, 0.5


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Holds this user's lock on this machine, because checkouts share the engine. Raises TimeoutError."""
    deadline = time.monotonic() + TURN_SECONDS
    with (Path(tempfile.gettempdir()) / f"zetherion-updater-host-{os.getuid()}.lock").open("w") as file:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"another test used the host for {TURN_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        yield
