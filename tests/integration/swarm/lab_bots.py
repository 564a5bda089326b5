"""Counts the bots of a swarm, by what the engine of each node says, also of one that is cut off."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from docker.errors import DockerException
from requests.exceptions import RequestException

from deploy.demo.docker.dockerd import connected, listens
from deploy.demo.docker.swarm_node import Node

LOOK_SECONDS = 0.2
CALL_SECONDS = 10


@dataclass
class Bots:
    """`most`: at any time. `looks`: how often they were counted."""

    most: int = 0
    looks: int = 0


@contextlib.asynccontextmanager
async def bots_of(nodes: Sequence[Node], service: str) -> AsyncIterator[Bots]:
    """Counts the containers of Swarm services whose name begins with `service`, all the time."""
    seen = Bots()
    counting = asyncio.create_task(_count(nodes, service, seen))
    try:
        yield seen
    finally:
        counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)


async def _count(nodes: Sequence[Node], service: str, seen: Bots) -> None:
    while True:
        found = await asyncio.gather(
            *(asyncio.to_thread(_running, node.host, service) for node in nodes if not node.off)
        )
        seen.most, seen.looks = max(seen.most, sum(found)), seen.looks + 1
        await asyncio.sleep(LOOK_SECONDS)


def _running(host: str, service: str) -> int:
    """0 if the node's engine is just starting or ending, without containers."""
    if not listens(host.removeprefix("unix://")):
        return 0  # the SDK would leave its socket open
    with contextlib.suppress(DockerException, RequestException), connected(host, CALL_SECONDS) as client:
        found = client.api.containers(filters={"label": "com.docker.swarm.service.name"})
        names = [each["Labels"]["com.docker.swarm.service.name"] for each in found]
        return sum(name.startswith(service) for name in names)
    return 0
