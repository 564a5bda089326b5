"""What a manager says of the nodes, of the stack's networks, and what this machine says of its own."""

import json
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import docker
import pytest

from app.domain.stack import EngineKind
from tests.examples import a_stack
from tests.unit.workers.adapters.swarm.attributes import Attributes, a_node, a_service, a_task
from tests.unit.workers.engine_http import Answers, http_engine
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.swarm.cluster import largest_packet, machines_of, packet_of
from workers.adapters.swarm.engine import SwarmEngine
from workers.ports import Machine

REGISTRY = "registry.example.org/team"
LEADER = {**a_node("n1"), "ManagerStatus": {"Leader": True, "Reachability": "reachable"}}
LOST = {**a_node("n2", "down"), "ManagerStatus": {"Reachability": "unreachable"}}
DRAINED = {**a_node("n3"), "Spec": {"Availability": "drain"}}


def rejected(**change: int) -> Attributes:
    task = a_task(state="rejected", node="n3", **change)
    task["Status"]["Err"] = "No such image: x"
    return task


def test_nodes_are_managers_or_not_and_answer_or_not() -> None:
    assert machines_of({each["ID"]: each for each in (DRAINED, LOST, LEADER)}, []) == (
        Machine("host-n1", manager=True, reachable=True),
        Machine("host-n2", ready=False, manager=True),
        Machine("host-n3", active=False),
    )


@pytest.mark.parametrize(
    ("tasks", "refused"),
    [
        ([rejected(after=1), a_task(node="n3", after=0)], "No such image: x"),
        ([rejected(after=1), a_task(node="n3", after=2)], ""),
        ([rejected(after=1), a_task(node="n1", after=2)], "No such image: x"),
    ],
    ids=["last", "got it since", "another node"],
)
def test_last_task_says_whether_a_node_gets_images(tasks: list[Attributes], refused: str) -> None:
    (machine,) = machines_of({"n3": DRAINED}, tasks)
    assert machine.refused == refused


def test_overlay_has_its_own_packets() -> None:
    assert largest_packet({"Options": {"com.docker.network.driver.mtu": "1400"}}) == 1400
    assert largest_packet({"Options": None}) == 1450


def test_interface_is_found_by_its_address() -> None:
    mtu = int(Path("/sys/class/net/lo/mtu").read_text())
    assert packet_of("127.0.0.1") == mtu
    assert packet_of("192.0.2.1") is None


async def test_only_networks_of_the_stack_count(tmp_path: Path) -> None:
    overlays = [{"Id": "n1", "Name": "shop_back", "Options": {}}, {"Id": "n9", "Name": "other", "Options": {}}]
    answers: Answers = {
        "GET /version": (200, {"ApiVersion": "1.41"}),
        "GET /services": (200, [a_service()]),
        "GET /tasks": (200, [a_task()]),
        "GET /nodes": (200, [LEADER]),
        "GET /networks": (200, overlays),
        "GET /info": (200, {"Swarm": {"NodeAddr": "192.0.2.1"}}),
    }
    with http_engine(answers) as http, closing(docker.DockerClient(base_url=http.host, version="1.41")) as client:
        engine = SwarmEngine(client, Compose(["true"], "shop", http.host), a_stack(), tmp_path)
        cluster = await engine.cluster()
    assert (dict(cluster.networks), cluster.packet) == ({"shop_back": 1450}, None)
    assert cluster.machines == (Machine("host-n1", manager=True, reachable=True),)


async def test_pushed_images_are_asked_for_too(tmp_path: Path) -> None:
    """They have a build, so one host would not ask for them."""
    image = f"{REGISTRY}/shop-api-blue:01@sha256:{'a' * 64}"
    stack = a_stack(engine=EngineKind.SWARM, registry=REGISTRY)
    current = tmp_path / "current" / "compose.json"
    current.parent.mkdir()
    services = {"api-blue": {"image": image, "build": {"context": "."}}, "db": {"image": "other.example.org/db:1"}}
    current.write_text(json.dumps({"services": services}))
    found: list[list[str]] = []
    has_it: Answers = {f"GET /distribution/{quote(image, safe='/:')}/json": (200, {})}
    for answers in ({}, has_it):
        usual: Answers = {"GET /version": (200, {"ApiVersion": "1.41"})}
        with http_engine({**usual, **answers}) as http, closing(docker.DockerClient(base_url=http.host)) as client:
            engine = SwarmEngine(client, Compose(["true"], "shop", http.host), stack, tmp_path)
            found.append([*await engine.refused_images()])
    assert found == [[image], []]
