"""The machines of an engine that has several."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Machine:
    """A machine, as the engine last saw it.

    `ready`: it answers. `active`: it gets new copies. `manager`: it has a vote, and `reachable` whether the other
    managers reach it. `refused`: why it could not get the image of the last copy that it was given; empty if it could.
    """

    name: str
    ready: bool = True
    active: bool = True
    manager: bool = False
    reachable: bool = False
    refused: str = ""


@dataclass(frozen=True)
class Cluster:
    """`networks`: those of the stack between the machines, each with the bytes of its largest packet.

    `packet`: the bytes of the largest one between the machines themselves, by the interface of this one; None if the
    worker does not see that interface, as in a container.
    """

    machines: tuple[Machine, ...]
    networks: Mapping[str, int] = field(default_factory=dict)
    packet: int | None = None
