"""Which lease the worker of a stack holds against those on other machines."""

from contextlib import closing

import docker
import pytest
from redis.asyncio import Redis

from app.domain.errors import EngineFailed
from app.domain.stack import EngineKind, Stack
from tests.examples import a_stack
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.client import Docker
from workers.adapters.redis_lease import RedisLease
from workers.adapters.swarm.shared_lease import OneHost, SharedLease, shared_lease

SWARM = a_stack(engine=EngineKind.SWARM, registry="registry.example.org/team")
MANAGER = {"NodeID": "n1", "ControlAvailable": True, "LocalNodeState": "active"}


async def lease_of(stack: Stack, info: object) -> SharedLease:
    with (
        http_engine({"GET /info": (200, {"Swarm": info})}) as http,
        closing(docker.DockerClient(base_url=http.host, version="1.41")) as client,
    ):
        return await shared_lease(Docker(client, http.host), stack, Redis(), "updater")


async def test_stack_on_one_host_has_no_lease_in_redis() -> None:
    lease = await lease_of(a_stack(), None)
    assert isinstance(lease, OneHost)
    async with lease.held():
        assert lease.taken is False


async def test_stack_in_a_swarm_has_one_lease() -> None:
    lease = await lease_of(SWARM, MANAGER)
    assert isinstance(lease, RedisLease)
    assert lease.taken is False, "it is not held yet"


@pytest.mark.parametrize(
    ("info", "state"),
    [
        ({"LocalNodeState": "inactive"}, "inactive"),
        ({**MANAGER, "ControlAvailable": False}, "active"),
        (None, "inactive"),
    ],
)
async def test_worker_needs_a_manager(info: object, state: str) -> None:
    with pytest.raises(EngineFailed, match=f"no manager of a swarm \\(it is {state}\\)"):
        await lease_of(SWARM, info)
