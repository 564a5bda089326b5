"""Git does not always say that the disk is full: `error: unable to write file app.py` is all that a checkout prints."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from workers.adapters.commands import Finished

_UNWRITTEN = re.compile(r"\b(unable|failed) to (write|create)\b|\bwrite error\b|\bNo space left\b", re.I)
MIB = 1024 * 1024


def with_free_space(finished: Finished, directory: Path) -> Finished:
    """`finished`, with the free space of the disk of `directory` as its last line if Git could not write something."""
    if finished.ok or not any(_UNWRITTEN.search(line) for line in finished.lines):
        return finished
    free = shutil.disk_usage(directory).free / MIB
    line = f"Git could not write its files. Disk space left in {directory} after that: {free:,.1f} MiB"
    return replace(finished, lines=(*finished.lines, line))
