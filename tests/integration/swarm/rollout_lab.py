"""A real worker in a swarm, with two Traefiks that read the routes from Redis, and clients of both."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.routing.routes import ClientRoute, EntryPoint
from app.domain.stack import Checks, Color, RoutesInRedis, Stack, Times, Traefik
from deploy.demo.distribution.packages import Say
from deploy.demo.docker.images import ensure_traefik
from deploy.demo.docker.swarm import SwarmLab
from deploy.demo.swarm import edge
from deploy.demo.swarm.place import WorkerPlace
from tests.examples import a_routed
from tests.integration.engine.sample_stack import BLUE, GREEN
from tests.integration.swarm.lab import RolloutLab
from tests.integration.swarm.swarm_sample import SwarmSample

TIMES = Times(fetch=120, build=600, start=300, health=120, route=30, ready=60, bake=5, drain=1, stop_grace=5, retry=0)


@contextlib.contextmanager
def rollout_lab(swarm: SwarmLab, sample: SwarmSample, base: str, directory: Path, say: Say) -> Iterator[RolloutLab]:
    """Everything but the worker. `base`: an image with `sleep`."""
    urls = tuple(f"http://{node.address}:{edge.WEB_PORT}" for node in swarm.nodes[:2])
    project, client = sample.stack.project, sample.client
    with edge.routes_redis(swarm, directory, say) as redis_url:
        edge.make_overlay(client, project)  # it is removed with the sample
        place = WorkerPlace(project, edge.pushed(client, base, swarm.registry), directory.parent)
        traefik = edge.pushed(client, ensure_traefik(swarm.manager.host, say), swarm.registry)
        with edge.traefiks(client, traefik, project, redis_url):
            stack = _stack(sample, urls, redis_url)
            try:
                yield RolloutLab(swarm, sample, stack, directory, f"{redis_url}/1", urls, place)
            finally:
                sample.remove_containers()


def _stack(sample: SwarmSample, urls: Sequence[str], redis_url: str) -> Stack:
    first, *others = urls
    web = EntryPoint(first, others=tuple(others))
    colors = {Color.BLUE: BLUE, Color.GREEN: GREEN}
    return replace(
        sample.stack,
        source=str(sample.repository.path),
        traefik=Traefik({"web": web}, redis=RoutesInRedis(redis_url, edge.ROOT_KEY)),
        routed=(a_routed("skills", edge.WEB_PORT, "/health", ClientRoute("web"), colors=colors),),
        times=TIMES,
        checks=Checks(passes=2, interval=0.5, timeout=5),
    )
