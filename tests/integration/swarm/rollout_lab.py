"""A real worker in a swarm, with two Traefiks that read the routes from Redis, and clients of both."""

import contextlib
import pickle
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from docker.errors import NotFound
from docker.models.containers import Container
from docker.types import Mount, ServiceMode

from app.domain.release import Release, Trigger, new_rollout_id
from app.domain.routing.routes import ClientRoute, EntryPoint
from app.domain.stack import Checks, Color, RoutesInRedis, Stack, Times, Traefik
from app.ledger import Ledger
from app.queue import Queue, open_pool
from deploy.demo.distribution.packages import Say
from deploy.demo.docker.engine import connected
from deploy.demo.docker.images import ensure_traefik
from deploy.demo.docker.swarm import SwarmLab
from deploy.demo.processes import ROOT, end_group, started
from deploy.demo.redis_server import redis_binary
from tests.examples import a_routed
from tests.integration.engine.sample_stack import BLUE, GREEN
from tests.integration.swarm.lab_clients import Seen, clients_of
from tests.integration.swarm.swarm_sample import SwarmSample
from tests.integration.waiting import until
from workers.definition.swarm.spec import NAMESPACE_LABEL

WEB_PORT, REDIS_PORT = 8080, 6379
COLORS = {Color.BLUE: BLUE, Color.GREEN: GREEN}
NAMESPACE = "swarm-test"
STEP_SECONDS = 300.0
"""For each wait of the tests: nodes and worker share two busy cores."""

WORKER = """
import asyncio, os, pickle, sys
from pathlib import Path
from app.config.settings import WorkerSettings
from app.logs import configure_logs
from workers.main import run
from workers.wiring import redactor_of

configure_logs()
settings = WorkerSettings.from_environ(os.environ)
stack = pickle.loads(Path(sys.argv[1]).read_bytes())
asyncio.run(run(settings, stack, redactor_of(settings, stack)))
"""
"""`python -m workers.main` refuses `engine: swarm` while the engine is incomplete."""


def no_gateway(tree: Path) -> None:
    """Lets the bot be healthy without its gateway."""
    file = tree / "docker-compose.yml"
    text = file.read_text()
    assert "import os; os.stat('/tmp/ready')" in text
    file.write_text(text.replace("import os; os.stat('/tmp/ready')", "pass"))


@dataclass
class RolloutLab:
    """`directory`: all files of the worker. `urls`: of the Traefiks."""

    swarm: SwarmLab
    sample: SwarmSample
    stack: Stack
    directory: Path
    redis_url: str
    urls: tuple[str, ...]
    beside: Container

    @contextlib.contextmanager
    def worker(self, name: str = "worker", data: str = "data") -> Iterator[None]:
        """Runs a worker in the network of a container in the stack's overlay, as a worker's container would be."""
        self.beside.reload()
        pickled = self.directory / "stack.pickle"
        pickled.write_bytes(pickle.dumps(self.stack))
        target = str(self.beside.attrs["State"]["Pid"])
        command = ["nsenter", "--target", target, "--net", "--uts", sys.executable, "-c", WORKER, str(pickled)]
        env = {
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": self.redis_url,
            "UPDATER_NAMESPACE": NAMESPACE,
            "UPDATER_DATA_DIR": str(self.directory / data),
            "UPDATER_TRAEFIK_DYNAMIC_PATH": str(self.directory / "unused"),
            "DOCKER_HOST": self.swarm.manager.host,
            "AUTO_UPDATE_CHECK_INTERVAL_MINUTES": "0",
        }
        process = started(command, env, self.directory / f"{name}.log")
        try:
            yield
        finally:
            end_group(process)

    @contextlib.asynccontextmanager
    async def ledger(self) -> AsyncIterator[tuple[Ledger, Queue]]:
        async with contextlib.aclosing(open_pool(self.redis_url, NAMESPACE)) as pool:
            yield Ledger(pool, NAMESPACE), Queue(pool)

    async def deploy(self, tag: str) -> dict[str, Any]:
        """Accepts the release, as web does, and returns the result of its rollout."""
        rollout_id = new_rollout_id()
        release = Release(f"manual:{rollout_id}", tag, rollout_id, Trigger.MANUAL, datetime.now(UTC))
        async with self.ledger() as (ledger, queue):
            await ledger.accept(release)
            await queue.nudge()
            return await self._result(ledger, release.rollout_id)

    async def roll_back(self) -> dict[str, Any]:
        async with self.ledger() as (ledger, queue):
            answer = await queue.ask("rollback", None, False)
            await queue.nudge()
            return await self._result(ledger, answer["rollout_id"])

    async def ask(self, question: str) -> dict[str, Any]:
        async with self.ledger() as (_, queue):
            return await queue.ask(question)

    def with_bot_on(self, node: str) -> None:
        """Keeps the bot on that node, and lets flips need the first Traefik alone."""
        singletons = tuple(replace(each, node=node) for each in self.stack.singletons)
        points = {name: replace(point, others=()) for name, point in self.stack.traefik.entrypoints.items()}
        traefik = replace(self.stack.traefik, entrypoints=points)
        self.stack = replace(self.stack, singletons=singletons, traefik=traefik)

    async def status(self) -> dict[str, Any]:
        async with self.ledger() as (ledger, _):
            return await ledger.status() or {}

    async def until_after(self, step: str) -> None:
        """Waits until a rollout has ended that step, which is its first."""

        async def is_over() -> bool:
            rollout = (await self.status()).get("rollout") or {}
            return rollout.get("step") not in {None, step}

        await until(is_over, STEP_SECONDS)

    async def until_step(self, step: str) -> None:
        """Waits until a rollout is at that step."""

        async def is_there() -> bool:
            return ((await self.status()).get("rollout") or {}).get("step") == step

        await until(is_there, STEP_SECONDS)

    async def until_alarm(self, kind: str | None) -> None:
        """Waits for that alarm; None: for none of a singleton."""

        async def is_raised() -> bool:
            alarms = {each["kind"] for each in (await self.status()).get("alarms", ())}
            return kind in alarms if kind else not any(each.startswith("singleton") for each in alarms)

        await until(is_raised, STEP_SECONDS)

    @contextlib.contextmanager
    def frozen_traefik(self, number: int) -> Iterator[None]:
        """The Traefik of that node, from 0 on, answers nothing meanwhile."""
        with connected(self.swarm.nodes[number].host) as client:
            (container,) = client.containers.list(filters={"label": "com.docker.swarm.service.name=edge"})
            container.pause()
            try:
                yield
            finally:
                container.unpause()

    async def _result(self, ledger: Ledger, rollout_id: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        async def has_ended() -> bool:
            found[:] = [result] if (result := await ledger.result(rollout_id)) else []
            return bool(found)

        await until(has_ended, STEP_SECONDS)
        return found[0]

    def clients(self) -> contextlib.AbstractAsyncContextManager[list[Seen]]:
        """Asks each Traefik all the time."""
        return clients_of(self.urls)


@contextlib.contextmanager
def rollout_lab(swarm: SwarmLab, sample: SwarmSample, base: str, directory: Path, say: Say) -> Iterator[RolloutLab]:
    """Everything but the worker. `base`: an image with `sleep`."""
    address = swarm.network.address(0)
    redis = [redis_binary(say), "--bind", address, "--port", str(REDIS_PORT), "--protected-mode", "no", "--save", ""]
    events = ["--notify-keyspace-events", "Kg$x", "--appendonly", "yes", "--appendfsync", "always"]
    server = swarm.run([*redis, *events, "--dir", str(directory)], directory / "redis.log")
    urls = tuple(f"http://{node.address}:{WEB_PORT}" for node in swarm.nodes)
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
    beside = _beside(sample, base, network, directory.parent)
    try:
        yield RolloutLab(swarm, sample, stack, directory, f"{where}/1", urls, beside)
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


def _beside(sample: SwarmSample, base: str, network: str, shared: Path) -> Container:
    """The container in whose place workers run. It stays until the swarm ends, and so does the network on its node."""
    name = f"{sample.stack.project}-beside"
    with contextlib.suppress(NotFound):
        return sample.client.containers.get(name)
    mounts = [Mount(str(shared), str(shared), "bind")]
    command = ["sleep", "infinity"]
    return sample.client.containers.run(base, command, name=name, detach=True, network=network, mounts=mounts)
