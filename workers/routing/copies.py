"""The copies of a color: how many there are, and the host names under which Traefik reaches them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.domain.stack import Color, Stack
from workers.ports import Engine, Instance


def counted(stack: Stack, color: Color, instances: Iterable[Instance]) -> dict[str, int]:
    """How many of `instances` are of each routed service in `color`; without a service that has none."""
    numbers = Counter(i.service for i in instances)
    return {s.name: number for s in stack.routed if (number := numbers[s.colors[color]])}


def copy_hosts(stack: Stack, color: Color, found: Mapping[str, Sequence[Instance]]) -> dict[str, tuple[str, ...]]:
    """The hosts of the running copies of each routed service; without a service one of whose copies has none.

    `found`: instances by Compose service. The name of a container is unique on the host, also in a network that several
    stacks share; the name of a service is not.
    """
    hosts = {}
    for service in stack.routed:
        running = [i.host for i in found.get(service.colors[color], ()) if i.running]
        if running and all(running):
            hosts[service.name] = tuple(sorted(filter(None, running)))
    return hosts


async def find_hosts(stack: Stack, engine: Engine, color: Color) -> dict[str, tuple[str, ...]]:
    """`copy_hosts` for what runs now. Raises EngineFailed."""
    return copy_hosts(stack, color, {s.colors[color]: await engine.find(s.colors[color]) for s in stack.routed})
