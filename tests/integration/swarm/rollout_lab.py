"""A real worker in a swarm, with two Traefiks that read the routes from Redis, and clients of both."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from docker.types import ServiceMode

from app.domain.routing.routes import ClientRoute, EntryPoint
from app.domain.stack import Checks, Color, RoutesInRedis, Times, Traefik
from deploy.demo.distribution.packages import Say
from deploy.demo.docker.images import ensure_traefik
from deploy.demo.docker.swarm import SwarmLab
from deploy.demo.processes import end_group
from deploy.demo.redis_server import redis_binary
from tests.examples import a_routed
from tests.integration.engine.sample_stack import BLUE, GREEN
from tests.integration.swarm.lab import RolloutLab
from tests.integration.swarm.swarm_sample import SwarmSample
from workers.definition.swarm.spec import NAMESPACE_LABEL

WEB_PORT, REDIS_PORT = 8080, 6379


@contextlib.contextmanager
def rollout_lab(swarm: SwarmLab, sample: SwarmSample, base: str, directory: Path, say: Say) -> Iterator[RolloutLab]:
    """Everything but the worker. `base`: an image with `sleep`."""
    address = swarm.network.address(0)
    redis = [redis_binary(say), "--bind", address, "--port", str(REDIS_PORT), "--protected-mode", "no", "--save", ""]
    events = ["--notify-keyspace-events", "Kg$x", "--appendonly", "yes", "--appendfsync", "always"]
    server = swarm.run([*redis, *events, "--dir", str(directory)], directory / "redis.log")
    urls = tuple(f"http://{node.address}:{WEB_PORT}" for node in swarm.nodes[:2])
    first, *others = urls
    where = f"redis://{address}:{REDIS_PORT}"
    times = Times(
        fetch=120, build=600, start=300, health=120, route=30, ready=60, bake=5, drain=1, stop_grace=5, retry=0
    )
    stack = replace(
        sample.stack,
        source=str(sample.repository.path),
        traefik=Traefik({"web": EntryPoint(first, others=tuple(others))}, redis=RoutesInRedis(where, "traefik")),
        routed=(
            a_routed("skills", WEB_PORT, "/health", ClientRoute("web"), colors={Color.BLUE: BLUE, Color.GREEN: GREEN}),
        ),
        times=times,
        checks=Checks(passes=2, interval=0.5, timeout=5),
    )
    network = f"{stack.project}_default"
    if not sample.client.networks.list(names=[network]):
        labels = {NAMESPACE_LABEL: stack.project}  # it is removed with the sample
        sample.client.networks.create(network, driver="overlay", attachable=True, labels=labels)
    pushed_base = _push(sample, base, swarm.registry)
    traefik = _push(sample, ensure_traefik(swarm.manager.host, say), swarm.registry)
    published = {"Protocol": "tcp", "PublishedPort": WEB_PORT, "TargetPort": WEB_PORT, "PublishMode": "host"}
    service = sample.client.services.create(  # type: ignore[no-untyped-call]
        traefik,
        args=_traefik_arguments(f"{address}:{REDIS_PORT}"),
        name="edge",
        mode=ServiceMode("global"),
        endpoint_spec={"Mode": "dnsrr", "Ports": [published]},
        networks=[network],
    )
    try:
        yield RolloutLab(swarm, sample, stack, directory, f"{where}/1", urls, base, pushed_base)
    finally:
        service.remove()
        sample.remove_containers()
        end_group(server)


def _push(sample: SwarmSample, image: str, registry: str) -> str:
    """The name by which every node pulls the image."""
    name = f"{registry}/{image.rpartition(':')[0]}"
    sample.client.images.get(image).tag(name, "test")
    for line in sample.client.api.push(name, tag="test", stream=True, decode=True):
        assert "error" not in line, line
    return f"{name}:test"


def _traefik_arguments(redis: str) -> list[str]:
    return [
        f"--entrypoints.web.address=:{WEB_PORT}",
        f"--providers.redis.endpoints={redis}",
        "--providers.redis.rootkey=traefik",
        "--providers.providersThrottleDuration=100ms",
        "--log.level=INFO",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    ]
