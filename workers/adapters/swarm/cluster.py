"""Reads what a manager says of the swarm's nodes and of the stack's networks."""

import contextlib
import fcntl
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from workers.adapters.swarm.slots import READY
from workers.ports import Machine

Attributes = Mapping[str, Any]

MTU_OPTION = "com.docker.network.driver.mtu"
USUAL_MTU = 1450
"""Of an overlay network. https://github.com/moby/moby/blob/master/libnetwork/drivers/overlay/ov_network.go"""

ADDRESS, MTU = 0x8915, 0x8921
"""SIOCGIFADDR and SIOCGIFMTU: https://man7.org/linux/man-pages/man7/netdevice.7.html"""

REQUEST_BYTES, FAMILY_BYTES = 40, 20


def machines_of(nodes: Mapping[str, Attributes], tasks: Sequence[Attributes]) -> tuple[Machine, ...]:
    """The nodes by name. `tasks`: those of the stack."""
    return tuple(sorted((_machine(node, tasks) for node in nodes.values()), key=lambda each: each.name))


def _machine(node: Attributes, tasks: Sequence[Attributes]) -> Machine:
    manager = node.get("ManagerStatus") or {}
    mine = sorted((t for t in tasks if t.get("NodeID") == node["ID"]), key=lambda task: str(task["CreatedAt"]))
    return Machine(
        name=str((node.get("Description") or {}).get("Hostname") or node["ID"]),
        ready=node["Status"]["State"] == READY,
        active=(node.get("Spec") or {}).get("Availability", "active") == "active",
        manager=bool(manager),
        reachable=manager.get("Reachability") == "reachable",
        refused=_refused(mine[-1]) if mine else "",
    )


def _refused(task: Attributes) -> str:
    """What the node said against the task; empty if it took it."""
    status = task["Status"]
    return str(status.get("Err") or status["State"]) if status["State"] == "rejected" else ""


def largest_packet(network: Attributes) -> int:
    """In bytes."""
    return int((network.get("Options") or {}).get(MTU_OPTION) or USUAL_MTU)


def packet_of(address: str) -> int | None:
    """The MTU of the interface with that IPv4 address; None if this process sees none, as in a container."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # it has no address, or has just gone
                request = struct.pack(f"{REQUEST_BYTES}s", name.encode())
                if fcntl.ioctl(asked, ADDRESS, request)[FAMILY_BYTES:][:4] == socket.inet_aton(address):
                    (mtu,) = struct.unpack("16xi", fcntl.ioctl(asked, MTU, request)[:20])
                    return int(mtu)
    return None
