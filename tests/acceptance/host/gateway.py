"""A stand-in for Discord in a stack's network; it counts the bots' sessions exactly."""

import docker

from deploy.demo.docker.images import packed
from deploy.demo.repository import CONTENT
from tests.acceptance.host.images import GIT_BASE

LABEL = "updater.test.gateway"
DOCKERFILE = f'FROM {GIT_BASE}\nCOPY gateway.py VERSION /srv/\nUSER 65532\nCMD ["python3", "/srv/gateway.py"]\n'


def start_gateway(client: docker.DockerClient, project: str, network: str) -> str:
    """Starts the gateway in `network` under the name `gateway`; returns the URL of its counts."""
    files = {name: CONTENT / "gateway" / name for name in ("gateway.py", "VERSION")}
    image = packed(client, f"{project}-gateway:latest", DOCKERFILE, files)
    gateway = client.containers.create(image, name=f"{project}-gateway", labels={LABEL: project})
    client.networks.get(network).connect(gateway, aliases=["gateway"])
    gateway.start()
    gateway.reload()
    address = gateway.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    return f"http://{address}:7001"


def end_gateway(client: docker.DockerClient, project: str) -> None:
    for gateway in client.containers.list(all=True, filters={"label": f"{LABEL}={project}"}, ignore_removed=True):
        gateway.remove(force=True)
