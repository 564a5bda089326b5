"""What the machine has free."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """What the machine has free, in bytes."""

    disk: int
    memory: int
