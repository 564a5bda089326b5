"""Git does not always say that the disk is full: `error: unable to write file app.py` is all that a checkout prints."""

import re
from dataclasses import replace
from pathlib import Path

from workers.adapters.commands import Finished
from workers.adapters.machine import free_bytes

_UNWRITTEN = re.compile(
    r"\b(unable|failed|couldn't|could not|cannot) (to )?(write|create|update|lock|open|close)\b|\bwrite error\b"
    r"|\bNo space left\b",
    re.IGNORECASE,
)
MIB = 1024 * 1024
LOW_MIB = 64
"""With less than that free, any failure of Git may be one of the disk."""


def with_free_space(finished: Finished, directory: Path) -> Finished:
    """`finished`, with the free space of the disk of `directory` as its last line if that may be why Git failed."""
    free = None if finished.ok else free_bytes(directory)
    if free is None or not (free < LOW_MIB * MIB or any(_UNWRITTEN.search(line) for line in finished.lines)):
        return finished
    line = f"Disk space left in {directory} after that: {free / MIB:,.1f} MiB"
    return replace(finished, lines=(*finished.lines, line))
