"""The gateway of the sample stack's bot, as a Swarm service."""

import contextlib
from collections.abc import Iterator

import docker
from docker.models.services import Service

from deploy.demo.swarm.edge import overlay, published

HTTP_PORT = 7001


@contextlib.contextmanager
def gateway(client: docker.DockerClient, image: str, project: str, node: str) -> Iterator[None]:
    """Runs it on `node` in the stack's overlay network. The node publishes HTTP_PORT."""
    service: Service = client.services.create(  # type: ignore[no-untyped-call]
        image,
        name="gateway",
        constraints=[f"node.hostname=={node}"],
        endpoint_spec=published(HTTP_PORT),
        networks=[overlay(project)],
    )
    try:
        yield
    finally:
        service.remove()  # type: ignore[no-untyped-call]
