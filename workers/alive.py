"""Exit 0 when this container's worker holds the lease, works and is awake: the health check without a port.

To work is to have read the journal, ended what an earlier worker left, and said how things are: a worker that can do
none of it takes the lease too, and is not well.

Standard library only: it is run every few seconds.
"""

import json
import os
import socket
import sys
import time
from pathlib import Path

from app.config.locations import journal_in, lease_beside

SILENT_SECONDS = 30.0
"""As LEASE_SECONDS of the lease: a worker that was silent for so long has lost its place."""


def problem(lease: Path, host: str, now: float) -> str | None:
    """What is wrong with the worker on `host`, at `now` seconds since the machine's start; None when it is well."""
    try:
        holder = json.loads(lease.read_text("utf-8"))
        silent, held_by, works = now - float(holder["awake_at"]), str(holder["host"]), holder["works"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{lease} does not say who holds it ({type(error).__name__})"
    if held_by != host:
        return f"another worker, on {held_by}, has this one's place; this one waits for its turn"
    if works is not True:
        return "it has not ended yet what an earlier worker left"
    return f"it was silent for {silent:.0f} s" if silent > SILENT_SECONDS else None


def main() -> None:
    """`python -m workers.alive`."""
    found = problem(lease_beside(journal_in(os.environ)), socket.gethostname(), time.clock_gettime(time.CLOCK_BOOTTIME))
    sys.exit(found)


if __name__ == "__main__":
    main()
