"""The lease of which a swarm has one for each stack: a worker on another manager waits for it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from redis.asyncio import Redis

from app.domain.errors import EngineFailed
from app.domain.stack import EngineKind, Stack
from workers.adapters.docker_host.client import Docker
from workers.adapters.redis_lease import RedisLease


class SharedLease(Protocol):
    """A lease against workers on other machines."""

    @property
    def taken(self) -> bool:
        """Whether another worker may have it now."""

    def held(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Waits for it and keeps it. Raises StaleWorker."""


class OneHost:
    """There are no other machines."""

    taken = False

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        yield


async def shared_lease(docker: Docker, stack: Stack, redis: Redis, namespace: str) -> SharedLease:
    """The lease of the stack's workers on all managers. Raises EngineFailed if the engine is no manager of a swarm."""
    if stack.engine is not EngineKind.SWARM:
        return OneHost()
    swarm = (await docker.call(lambda c: c.info())).get("Swarm") or {}
    if not swarm.get("ControlAvailable"):
        state = swarm.get("LocalNodeState") or "inactive"
        raise EngineFailed(
            f"`engine: swarm` in the stack file, but this engine is no manager of a swarm (it is {state}). Run the "
            "worker on a manager: `docker node ls` works only there"
        )
    return RedisLease(redis, f"{namespace}:lease:{stack.project}", str(swarm["NodeID"]))
