"""The record of a before_flip command."""

from dataclasses import dataclass
from typing import Self

from app.domain.stack import BeforeFlip, Color, Stack

RAN_KEPT = 50
"""How many commands are remembered."""


@dataclass(frozen=True)
class Ran:
    """A before_flip command that was started for a commit, and whether it succeeded.

    `services`: the Compose services, one for each color, in whose image it runs; empty in records of earlier versions.
    The stack file may give `service` other ones later, with other images.
    """

    sha: str
    service: str
    command: tuple[str, ...]
    completed: bool = False
    services: tuple[str, ...] = ()

    @classmethod
    def of(cls, sha: str, command: BeforeFlip, stack: Stack) -> Self:
        """The record of a command of `stack` that is about to start."""
        services = dict.fromkeys(stack.service_of(command.service, color) for color in Color)
        return cls(sha, command.service, command.command, services=tuple(services))

    def is_of(self, other: "Ran") -> bool:
        """Whether it is the record of the command of `other`."""
        same = (self.sha, self.service, self.command) == (other.sha, other.service, other.command)
        return same and self.services in {(), other.services}
