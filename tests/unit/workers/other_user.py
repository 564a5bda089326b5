"""Runs a part of a test as a user without privileges."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

OTHER = 65532


@contextlib.contextmanager
def as_other_user(directory: Path) -> Iterator[None]:
    """As the user and group OTHER, who may enter `directory` if it is open itself. Only root can do this."""
    for above in directory.parents:
        above.chmod(above.stat().st_mode | 0o011)
    os.setresgid(OTHER, OTHER, 0)
    os.setresuid(OTHER, OTHER, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
