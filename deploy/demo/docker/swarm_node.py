"""One engine of a swarm on this machine, in a network namespace of its own."""

import shutil
from dataclasses import dataclass

from deploy.demo.distribution.packages import which
from deploy.demo.docker.dockerd import Dockerd, connected, empty
from deploy.demo.docker.lan import entering
from deploy.demo.processes import end_group

STOP_SECONDS = 60.0


@dataclass
class Node(Dockerd):
    """One engine of the swarm. `number`: from 1 on. `address`: in the swarm's network. `off`: it has no power."""

    number: int = 0
    namespace: str = ""
    address: str = ""
    options: tuple[str, ...] = ()
    off: bool = False

    @property
    def name(self) -> str:
        """Its host name, by which the swarm knows it."""
        return f"node{self.number}"

    @property
    def command(self) -> list[str]:
        named = [which("unshare") or "unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name]
        return [*entering(self.namespace), *named, *self.common, *self.options]

    def halt(self) -> None:
        """Stops the daemon and its containers."""
        if self.process is not None:
            end_group(self.process, STOP_SECONDS)

    def stop(self) -> None:
        """Stops the daemon and its containers. Its bridges end with its namespace."""
        self.halt()
        self.unmount()
        shutil.rmtree(self.runtime, ignore_errors=True)
        self.record.unlink(missing_ok=True)

    def begin(self) -> None:
        """Starts it with the images of earlier runs, without their swarm and their containers."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.forget_networks()
        shutil.rmtree(self.data / "swarm", ignore_errors=True)
        self.start()
        with connected(self.host) as client:
            empty(client)
