"""A network of its own for several engines: a namespace with a bridge, and one for each engine, joined by cables.

The machine's own namespace gets one end of a cable to the bridge, and nothing else: no bridge, no firewall rule.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path

from deploy.demo.distribution.packages import EngineUnavailable, which
from deploy.demo.docker.commands import run
from deploy.demo.docker.network import free_subnet

BRIDGE, HOST = "lan", "host"
STOP_SECONDS, POLL_SECONDS = 60.0, 0.2


@dataclass(frozen=True)
class Lan:
    """`name`: the namespace with the bridge. `subnet`: this machine's address in it, with the prefix."""

    name: str
    subnet: str
    size: int

    @property
    def namespaces(self) -> list[str]:
        """Those of the engines."""
        return [f"{self.name}n{number}" for number in range(1, self.size + 1)]

    def address(self, number: int) -> str:
        """That of an engine, from 1 on; of the bridge: 0; of this machine: -1."""
        return str(ip_interface(self.subnet).ip + number + 1)

    def cut(self, number: int) -> None:
        """Pulls the cable of an engine: nothing reaches it, and it reaches nothing."""
        run("ip", "-n", self.name, "link", "set", _cable(number), "down")

    def heal(self, number: int) -> None:
        run("ip", "-n", self.name, "link", "set", _cable(number), "up")


def entering(namespace: str) -> list[str]:
    """The beginning of a command that runs in the namespace.

    `ip netns exec` would not do: it mounts /sys again, and a daemon then finds no cgroups.
    """
    return [which("nsenter") or "nsenter", f"--net=/var/run/netns/{namespace}"]


@contextlib.contextmanager
def lan(record: Path, size: int) -> Iterator[Lan]:
    """`record`: a file from which the next run learns what a killed one left. Raises EngineUnavailable."""
    _remove_left_over(record)
    subnet = free_subnet(run("ip", "-4", "route"))
    if subnet is None:
        raise EngineUnavailable("All subnets for a private network are in use.")
    made = Lan(f"zus{os.getpid()}", subnet, size)
    record.write_text(json.dumps([made.name, *made.namespaces]))
    try:
        _build(made)
        yield made
    finally:
        _remove_left_over(record)


def _build(made: Lan) -> None:
    for name in (made.name, *made.namespaces):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", made.name, "link", "add", BRIDGE, "type", "bridge")
    run("ip", "-n", made.name, "address", "add", f"{made.address(0)}/24", "dev", BRIDGE)
    run("ip", "-n", made.name, "link", "set", BRIDGE, "up")
    run("ip", "link", "add", made.name, "type", "veth", "peer", "name", HOST, "netns", made.name)
    run("ip", "address", "add", made.subnet, "dev", made.name)
    run("ip", "link", "set", made.name, "up")
    run("ip", "-n", made.name, "link", "set", HOST, "master", BRIDGE, "up")
    for number, name in enumerate(made.namespaces, 1):
        run(
            "ip",
            "link",
            "add",
            "eth0",
            "netns",
            name,
            "type",
            "veth",
            "peer",
            "name",
            _cable(number),
            "netns",
            made.name,
        )
        run("ip", "-n", made.name, "link", "set", _cable(number), "master", BRIDGE, "up")
        run("ip", "-n", name, "address", "add", f"{made.address(number)}/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "route", "add", "default", "via", made.address(0))


def _cable(number: int) -> str:
    return f"n{number}"


def _remove_left_over(record: Path) -> None:
    """Ends what still runs in the recorded namespaces, and removes them. A cable ends with one of its ends.

    That of the host is removed itself: the kernel removes a namespace only some time after its deletion.

    A daemon has time to end its containers, which are in other namespaces.
    """
    names: list[str] = json.loads(record.read_text()) if record.exists() else []
    deadline = time.monotonic() + STOP_SECONDS
    while _signaled(names, signal.SIGTERM) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    _signaled(names, signal.SIGKILL)
    for host in names[:1]:
        run("ip", "link", "delete", host, check=False)
    for name in names:
        run("ip", "netns", "delete", name, check=False)
    record.unlink(missing_ok=True)


def _signaled(names: list[str], number: signal.Signals) -> bool:
    """Sends the signal to all processes in these namespaces. Returns whether there were any."""
    pids = [int(pid) for name in names for pid in run("ip", "netns", "pids", name, check=False).split()]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return bool(pids)
