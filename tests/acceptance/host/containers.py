"""The containers of one Compose project, as anyone on the host sees them."""

from dataclasses import dataclass

import docker
from docker.models.containers import Container

SERVICE = "com.docker.compose.service"
PROJECT = "com.docker.compose.project"


@dataclass(frozen=True)
class Project:
    """`name`: the Compose project's."""

    client: docker.DockerClient
    name: str

    def containers(self, *, stopped: bool = True) -> list[Container]:
        label = f"{PROJECT}={self.name}"
        return self.client.containers.list(all=stopped, filters={"label": label}, ignore_removed=True)

    def running(self) -> dict[str, Container]:
        """The running containers by service."""
        return {c.labels[SERVICE]: c for c in self.containers(stopped=False)}

    def container(self, service: str) -> Container:
        return self.running()[service]

    def address(self, service: str, network: str) -> str:
        """Its address in `network`, by the network's full name."""
        networks = self.container(service).attrs["NetworkSettings"]["Networks"]
        return str(networks[network]["IPAddress"])

    def inside(self, service: str, *command: str) -> str:
        """What `command` prints in that service's container. Raises AssertionError when it fails."""
        done = self.container(service).exec_run(list(command))
        said = bytes(done.output).decode("utf-8", "replace")  # type: ignore[arg-type]  # not streamed: bytes
        assert done.exit_code == 0, f"{command} in {service}: {said}"
        return said
