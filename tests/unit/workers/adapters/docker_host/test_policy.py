from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.stack import Forbid, Policy
from tests.examples import a_stack
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.policy import ReleasePolicyCheck

HOST_ID, ENGINE_ID = "a" * 64, "b" * 64
NETWORKS = [
    {"Name": "host", "Id": HOST_ID, "Driver": "host"},
    {"Name": "updater_engine", "Id": ENGINE_ID, "Driver": "bridge"},
    {"Name": "shop_default", "Id": "c" * 64, "Driver": "bridge"},
]


def a_container(number: str, name: str, network: str, address: str) -> dict[str, Any]:
    attached = {network: {"IPAddress": address, "Aliases": [name]}}
    return {"Id": number, "Name": f"/shop-{name}-1", "NetworkSettings": {"Networks": attached}}


CONTAINERS = [
    a_container("1" * 64, "socket-proxy", "updater_engine", "127.0.0.1"),
    a_container("2" * 64, "api", "shop_default", "172.18.0.2"),
]
ANSWERS = {
    "GET /networks": (200, NETWORKS),
    "GET /containers/json": (200, CONTAINERS),
    **{f"GET /containers/{c['Id']}/json": (200, c) for c in CONTAINERS},
}


async def found(network: str, *options: Forbid) -> list[str]:
    """What is found in a release whose bot is in the external `network`, by a worker that reaches the engine by TCP."""
    model = {
        "name": "shop",
        "services": {"bot": {"image": "shop", "networks": {"one": None}}},
        "networks": {"one": {"name": network, "external": True}},
    }
    stack = a_stack(policy=Policy(forbid=frozenset(options)))
    with http_engine(ANSWERS) as engine:
        client = docker.DockerClient(base_url=engine.host, version="1.41")
        try:
            reached = Docker(client, engine.host)
            check = ReleasePolicyCheck(reached, stack, Path("/data"))
            return [use.what for use in await check.forbidden(Path("/data/tree"), model, None, {})]
        finally:
            client.close()


@pytest.mark.parametrize("network", ["updater_engine", ENGINE_ID, ENGINE_ID[:12]])
async def test_network_of_the_engines_proxy_counts_as_its_socket(network: str) -> None:
    assert await found(network, Forbid.DOCKER_SOCKET) == [f"networks: {network}, where the Docker Engine answers"]
    assert await found(network, Forbid.HOST_NAMESPACES) == []


@pytest.mark.parametrize("network", ["host", HOST_ID])
async def test_hosts_network_is_known_by_its_id_too(network: str) -> None:
    assert await found(network, Forbid.HOST_NAMESPACES) == [f"networks: {network}"]
    assert await found("shop_default", Forbid.HOST_NAMESPACES, Forbid.DOCKER_SOCKET) == []


async def test_nothing_is_asked_if_nothing_is_forbidden() -> None:
    assert await found("host") == []
