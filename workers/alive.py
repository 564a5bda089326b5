"""The worker's health check, without a port: exits 0 if this container's worker holds the lease, works and is awake.

A worker works once it has read the journal, ended what an earlier worker left, and published the status. A worker that
can do none of this also takes the lease, but is unhealthy.

Standard library only, because it runs every few seconds.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path

from app.config.locations import journal_in, lease_beside

SILENT_SECONDS = 30.0
"""Equal to LEASE_SECONDS of the lease: a worker that is silent for longer loses the lease."""


def problem(lease: Path, host: str, now: float) -> str | None:
    """What is wrong with the worker on `host`, at `now` seconds since boot; None if it is healthy."""
    try:
        holder = json.loads(lease.read_text("utf-8"))
        silent, held_by, works = now - float(holder["awake_at"]), str(holder["host"]), holder["works"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{lease} does not name the worker that holds it ({type(error).__name__})"
    if held_by != host:
        return f"another worker, on {held_by}, holds the lease; this one waits for it"
    if works is not True:
        return "the worker has not finished recovering what an earlier worker left"
    return f"the worker was silent for {silent:.0f} s" if silent > SILENT_SECONDS else None


def main() -> None:
    """`python -m workers.alive`."""
    found = problem(lease_beside(journal_in(os.environ)), socket.gethostname(), time.clock_gettime(time.CLOCK_BOOTTIME))
    sys.exit(found)


if __name__ == "__main__":
    main()
