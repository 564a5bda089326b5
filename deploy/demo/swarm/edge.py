"""What a stack in a swarm needs beside it: an overlay network, a Traefik on each node, the Redis of the routes."""

import contextlib
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import docker
import httpx
from docker.models.services import Service
from docker.types import ServiceMode

from deploy.demo.clients import Json, plain_sync_client
from deploy.demo.distribution.packages import EngineUnavailable, Say
from deploy.demo.docker.swarm import SwarmLab
from deploy.demo.processes import end_group
from deploy.demo.redis_server import redis_binary, wait_until_up
from workers.definition.swarm.spec import NAMESPACE_LABEL

WEB_PORT, REDIS_PORT = 8080, 6379
ROOT_KEY = "traefik"
TRAEFIK_SERVICE = "edge"
ANSWER_SECONDS, CALL_SECONDS, POLL_SECONDS = 300.0, 5.0, 0.1


@contextlib.contextmanager
def routes_redis(swarm: SwarmLab, directory: Path, say: Say) -> Iterator[str]:
    """Runs a durable Redis in the nodes' network, with its data in `directory`. Yields its URL, without a database."""
    address = swarm.network.address(0)
    listens = ["--bind", address, "--port", str(REDIS_PORT), "--protected-mode", "no"]
    durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", str(directory)]
    log = directory / "redis.log"
    server = swarm.run([redis_binary(say), *listens, *durable, "--notify-keyspace-events", "Kg$x"], log)
    try:
        wait_until_up(server, log, REDIS_PORT, address)
        yield f"redis://{address}:{REDIS_PORT}"
    finally:
        end_group(server)


def overlay(project: str) -> str:
    """The name of the stack's overlay network."""
    return f"{project}_default"


def make_overlay(client: docker.DockerClient, project: str) -> None:
    """Makes the stack's overlay network, to which containers can be attached, unless it exists."""
    if not client.networks.list(names=[overlay(project)]):
        labels = {NAMESPACE_LABEL: project}
        client.networks.create(overlay(project), driver="overlay", attachable=True, labels=labels)


def pushed(client: docker.DockerClient, image: str, registry: str) -> str:
    """Pushes the image. Returns the name by which every node pulls it. Raises EngineUnavailable."""
    name = f"{registry}/{image.rpartition(':')[0]}"
    client.images.get(image).tag(name, "test")
    for line in client.api.push(name, tag="test", stream=True, decode=True):
        if "error" in line:
            raise EngineUnavailable(f"The registry of the swarm did not take {image}: {line['error']}")
    return f"{name}:test"


def traefiks(
    client: docker.DockerClient, image: str, project: str, redis_url: str
) -> contextlib.AbstractContextManager[None]:
    """Runs a Traefik on each node, which publishes WEB_PORT and reads the routes from the Redis at `redis_url`."""
    options = {"args": _arguments(redis_url), "mode": ServiceMode("global")}
    return beside(client, image, project, TRAEFIK_SERVICE, WEB_PORT, **options)


@contextlib.contextmanager
def beside(
    client: docker.DockerClient, image: str, project: str, name: str, port: int, **options: Any
) -> Iterator[None]:
    """Runs a Swarm service in the stack's overlay network; its copies publish `port`. `options`: as in Docker's SDK."""
    service: Service = client.services.create(  # type: ignore[no-untyped-call]
        image, name=name, endpoint_spec=_published(port), networks=[overlay(project)], **options
    )
    try:
        yield
    finally:
        service.remove()  # type: ignore[no-untyped-call]


def _published(port: int) -> Json:
    """The endpoints of a service whose copies publish `port` on their own nodes."""
    ports = {"Protocol": "tcp", "PublishedPort": port, "TargetPort": port, "PublishMode": "host"}
    return {"Mode": "dnsrr", "Ports": [ports]}


def _arguments(redis_url: str) -> list[str]:
    return [
        f"--entrypoints.web.address=:{WEB_PORT}",
        f"--providers.redis.endpoints={redis_url.removeprefix('redis://')}",
        f"--providers.redis.rootkey={ROOT_KEY}",
        "--providers.providersThrottleDuration=100ms",
        "--log.level=INFO",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    ]


def wait_until_answered(urls: Collection[str], limit: float = ANSWER_SECONDS) -> None:
    """Waits until each URL is answered, with any status: a Traefik without routes answers 404. Raises TimeoutError."""
    deadline = time.monotonic() + limit
    with plain_sync_client(timeout=CALL_SECONDS) as client:
        for url in urls:
            while not _answers(client, url):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{url} did not answer within {limit:.0f} s")
                time.sleep(POLL_SECONDS)


def _answers(client: httpx.Client, url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):  # its container is just starting: there may be no route to it
        return bool(client.get(url).status_code)
    return False
