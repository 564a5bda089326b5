"""Runs a swarm on this machine: one Docker Engine in each namespace of a private network, and a registry.

All that is started ends with the `with` block. The images stay in the nodes' data for the next run.
"""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docker.errors import APIError

from deploy.demo.distribution.packages import EngineUnavailable, Say
from deploy.demo.distribution.unpacked import program_of
from deploy.demo.docker.commands import run
from deploy.demo.docker.dockerd import connected, install, locked
from deploy.demo.docker.lan import Lan, entering, lan
from deploy.demo.docker.swarm_node import Node
from deploy.demo.processes import end_group

REGISTRY_PORT = 5000
REGISTRY_PATH = "team"
JOIN_SECONDS, POLL_SECONDS = 120.0, 0.2

BRIDGES = "10.215.{}.1/24"
"""The bridge of a node's own containers, in its namespace."""


@dataclass
class SwarmLab:
    """The nodes, of which the first is a manager. `registry`: where images are pushed, as their names begin."""

    nodes: list[Node]
    network: Lan
    registry: str
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def manager(self) -> Node:
        return self.nodes[0]

    def power_off(self, node: Node) -> None:
        """The node is gone from one moment to the next, with all that ran on it."""
        node.off = True
        self.network.cut(node.number)  # first: its end is not announced to the others
        node.halt()

    def power_on(self, node: Node) -> None:
        """The node is back, with its data."""
        node.start()
        self.network.heal(node.number)
        node.off = False

    @contextlib.contextmanager
    def registry_closed_to(self, node: Node) -> Iterator[None]:
        """The node cannot connect to the registry meanwhile. The others can."""
        rule = ["OUTPUT", "--protocol", "tcp", "--dport", str(REGISTRY_PORT), "--jump", "REJECT"]
        run(*entering(node.namespace), "iptables", "--insert", *rule)
        try:
            yield
        finally:
            run(*entering(node.namespace), "iptables", "--delete", *rule)

    def lead(self, node: Node) -> None:
        """Makes that manager the leader. Raises EngineUnavailable."""
        with connected(self.manager.host) as client:

            def leads() -> bool:
                with contextlib.suppress(APIError):  # while there is no leader
                    for each in client.nodes.list():
                        spec, name = each.attrs["Spec"], each.attrs["Description"]["Hostname"]
                        if spec["Role"] == "worker":
                            each.update({**spec, "Role": "manager"})
                        elif each.attrs.get("ManagerStatus", {}).get("Leader"):
                            if name == node.name:
                                return True
                            each.update({**spec, "Role": "worker"})
                return False

            _until(leads, f"{node.name} as the leader", node.home / "dockerd.log")

    @contextlib.contextmanager
    def without_registry(self) -> Iterator[None]:
        """Nothing listens at the registry's address meanwhile."""
        (process,) = [each for each in self.processes if each.poll() is None and "serve" in each.args]  # type: ignore[operator]
        end_group(process)
        try:
            yield
        finally:
            home = self.manager.home.parent
            _start_registry(home, self, self.registry.partition("/")[0], lambda _: None)

    def run(self, command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
        """Runs a program in the nodes' network. It ends with the swarm."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*entering(self.network.name), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(process)
        return process


@contextlib.contextmanager
def docker_swarm(home: Path, say: Say, size: int = 2, managers: int = 1) -> Iterator[SwarmLab]:
    """Provides a swarm of `size` nodes and a registry. Needs root. Raises EngineUnavailable.

    The first nodes are managers, and the last one of these leads them.
    """
    if os.geteuid() != 0:
        raise EngineUnavailable(
            "A swarm on one machine needs network namespaces, and those need root. Run this again as root (sudo)."
        )
    install(say)
    with locked(home, say), contextlib.ExitStack() as ending:
        network = ending.enter_context(lan(home / "namespaces.json", size))
        _end_left_over(home)
        say(f"starting a swarm of {size} nodes, and a registry")
        address = f"{network.address(0)}:{REGISTRY_PORT}"
        nodes = [_node(home, network, number, address) for number in range(1, size + 1)]
        lab = SwarmLab(nodes, network, f"{address}/{REGISTRY_PATH}")
        ending.callback(_end_processes, lab)
        for node in lab.nodes:
            ending.callback(node.stop)  # before anything starts: it removes the node's directory too
        _start_registry(home, lab, address, say)
        for node in lab.nodes:
            node.begin()
        _join(lab, managers)
        try:
            yield lab
        finally:
            _remove_services(lab)


def _node(home: Path, network: Lan, number: int, registry: str) -> Node:
    options = ("--bip", BRIDGES.format(number), "--insecure-registry", registry)
    runtime, namespace = Path(tempfile.mkdtemp(prefix="zu-")), network.namespaces[number - 1]
    return Node(home / f"node{number}", runtime, "", None, number, namespace, network.address(number), options)


def _start_registry(home: Path, lab: SwarmLab, address: str, say: Say) -> None:
    program = program_of("docker-registry", "docker-registry", home, say)
    content = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(home / "registry")}, "delete": {"enabled": True}},
        "http": {"addr": address, "secret": "of one process"},
    }
    file = home / "registry.yml"
    file.write_text(json.dumps(content))  # JSON is YAML
    lab.run([program, "serve", str(file)], home / "registry.log")
    _until(lambda: _listens(address), "The registry", home / "registry.log")


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=POLL_SECONDS):
        return True
    return False


def _join(lab: SwarmLab, managers: int) -> None:
    first = lab.nodes[managers - 1]
    with connected(first.host) as client:
        client.swarm.init(advertise_addr=first.address)
        client.swarm.reload()
        tokens = client.swarm.attrs["JoinTokens"]
        for number, node in enumerate(lab.nodes):
            if node is not first:
                with connected(node.host) as other:
                    token = tokens["Manager" if number < managers else "Worker"]
                    other.swarm.join([first.address], token, advertise_addr=node.address)

        def all_ready() -> bool:
            states = [node.attrs["Status"]["State"] for node in client.nodes.list()]
            return states == ["ready"] * len(lab.nodes)

        _until(all_ready, "The swarm", first.home / "dockerd.log")


def _remove_services(lab: SwarmLab) -> None:
    """So that no task starts again while the nodes stop."""
    with contextlib.suppress(APIError, OSError), connected(lab.manager.host) as client:
        for service in client.services.list():
            service.remove()  # type: ignore[no-untyped-call]


def _until(holds: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + JOIN_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(POLL_SECONDS)
    raise EngineUnavailable(f"{what} did not start. The end of its log:\n{log.read_text(errors='replace')[-1500:]}")


def _end_processes(lab: SwarmLab) -> None:
    for process in lab.processes:
        end_group(process)


def _end_left_over(home: Path) -> None:
    """Unmounts what the daemons of a killed run left. They ended with their namespaces."""
    for record in home.glob("node*/running.json"):
        Node(record.parent, Path(json.loads(record.read_text())["runtime"]), "").stop()
