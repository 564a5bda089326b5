"""Where a worker runs in a swarm on this machine: in the network of a container, as a worker's own container would."""

import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from docker.errors import NotFound
from docker.types import Mount

from deploy.demo.distribution.packages import which
from deploy.demo.docker.engine import connected
from deploy.demo.swarm.edge import overlay


@dataclass(frozen=True)
class WorkerPlace:
    """A container in the overlay network of the stack `project`. It stays until the swarm ends.

    `image`: one with `sleep`, which every node can pull. `shared`: the directory with the worker's files.
    `ports`: those on which the container's node is reached for programs that run here.
    """

    project: str
    image: str
    shared: Path
    ports: Collection[int] = ()

    def on(self, host: str) -> int:
        """The process whose network it is, on the node of the engine at `host`. Starts the container if necessary."""
        name = f"{self.project}-beside"
        with connected(host) as client:
            try:
                container = client.containers.get(name)
            except NotFound:
                container = client.containers.run(
                    self.image,
                    ["sleep", "infinity"],
                    name=name,
                    detach=True,
                    network=overlay(self.project),
                    mounts=[Mount(str(self.shared), str(self.shared), "bind")],
                    ports={f"{port}/tcp": port for port in self.ports},
                )
            container.start()  # its node may have been off
            container.reload()
            return int(container.attrs["State"]["Pid"])


def entering_process(pid: int) -> list[str]:
    """The beginning of a command that runs in that process's network, with its host name."""
    return [which("nsenter") or "nsenter", "--target", str(pid), "--net", "--uts"]


def worker_command(pid: int, stack: Path) -> list[str]:
    """Runs a worker in that process's network. `stack`: the file that `stack_written` wrote."""
    return [*entering_process(pid), sys.executable, "-m", "deploy.demo.swarm.worker", str(stack)]
