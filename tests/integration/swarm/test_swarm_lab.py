"""The swarm that the tests run on."""

import subprocess

import pytest

from deploy.demo.docker.dockerd import connected
from deploy.demo.docker.swarm import SwarmLab
from tests.integration.waiting import until

pytestmark = pytest.mark.swarm


def states(swarm: SwarmLab) -> dict[str, str]:
    with connected(swarm.manager.host) as client:
        return {n.attrs["Description"]["Hostname"]: n.attrs["Status"]["State"] for n in client.nodes.list()}


def test_each_node_has_a_name(swarm: SwarmLab) -> None:
    assert states(swarm) == {"node1": "ready", "node2": "ready"}


def test_every_node_pulls_what_one_has_pushed(swarm: SwarmLab, base: str) -> None:
    name = f"{swarm.registry}/base"
    with connected(swarm.manager.host) as client:
        client.images.get(base).tag(name, "test")
        said = [line for line in client.images.push(name, tag="test", stream=True, decode=True) if "error" in line]
        assert said == []
    with connected(swarm.nodes[1].host) as client:
        assert client.images.pull(name, tag="test").id


async def test_node_without_its_cable_is_down_until_it_has_it_again(swarm: SwarmLab) -> None:
    async def is_state(state: str) -> bool:
        return states(swarm)["node2"] == state

    swarm.network.cut(2)
    try:
        await until(lambda: is_state("down"))
    finally:
        swarm.network.heal(2)
    await until(lambda: is_state("ready"))


def test_the_machines_own_network_gets_one_cable(swarm: SwarmLab) -> None:
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert [line for line in links.splitlines() if f" {swarm.network.name}" in line]
    assert "docker_gwbridge" not in links
