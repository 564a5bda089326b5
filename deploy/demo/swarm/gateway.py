"""The gateway of the sample stack's bot, as a Swarm service."""

from contextlib import AbstractContextManager

import docker

from deploy.demo.swarm.edge import beside

HTTP_PORT = 7001


def gateway(client: docker.DockerClient, image: str, project: str, node: str) -> AbstractContextManager[None]:
    """Runs it on `node` in the stack's overlay network. The node publishes HTTP_PORT."""
    return beside(client, image, project, "gateway", HTTP_PORT, constraints=[f"node.hostname=={node}"])
