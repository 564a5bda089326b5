"""Free disk and memory."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """Free disk and memory of the machine, in bytes."""

    disk: int
    memory: int
