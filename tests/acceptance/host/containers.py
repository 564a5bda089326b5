"""The containers of one Compose project, seen from the host."""

from dataclasses import dataclass

import docker
from docker.models.containers import Container

SERVICE = "com.docker.compose.service"
PROJECT = "com.docker.compose.project"


@dataclass(frozen=True)
class Project:
    """`name`: the name of the Compose project."""

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
        """The address of `service` in `network`, the network's full name."""
        networks = self.container(service).attrs["NetworkSettings"]["Networks"]
        return str(networks[network]["IPAddress"])

    def inside(self, service: str, *command: str) -> str:
        """Runs `command` in the service's container and returns its output. Raises AssertionError if it fails."""
        done = self.container(service).exec_run(list(command))
        output = bytes(done.output).decode("utf-8", "replace")  # type: ignore[arg-type]  # not streamed: bytes
        assert done.exit_code == 0, f"{command} in {service}: {output}"
        return output
