"""The sample stack in a swarm on this machine, and the updater that manages it."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import redis
import yaml

from app.config.stack_file import parse_stack
from app.domain.stack import EngineKind
from deploy.demo.client_access import PLAIN, TIMES
from deploy.demo.clients import Json
from deploy.demo.compose import compose
from deploy.demo.docker.engine import Engine, Say, connected
from deploy.demo.docker.swarm import SwarmLab
from deploy.demo.environment import Environment, checked_every, stack_file, write_live
from deploy.demo.github.control import GitHubServer, github_server
from deploy.demo.processes import free_port, started
from deploy.demo.repository import DemoRepository, Variant
from deploy.demo.swarm import edge, gateway
from deploy.demo.swarm.copies import in_two_copies
from deploy.demo.swarm.nodes import tasks_of
from deploy.demo.swarm.place import WorkerPlace, entering_process, worker_command
from deploy.demo.swarm.worker import stack_written
from deploy.demo.updated_stack import updater_variables

SWARM_TIMES: Mapping[str, float] = {**TIMES, "build": 600, "start": 90, "health": 90, "route": 30, "ready": 60}
"""The nodes share this machine's processors. `start` is also how long a copy may be missing."""

CHECKS = {"passes": 2, "interval": 0.5, "timeout": 5}
UNUSED_PORTS = ("skills", "api", "web", "metrics", "gateway")
"""Of the sample stack's Traefik and gateway on one host."""


@dataclass(kw_only=True)
class SwarmEnvironment(Environment):
    """`routes`: the URL of each Traefik, by its node. `redis_url`: of the server, without a database.

    `beside`: the process in whose network the worker and the demo's GitHub run, on the manager.
    """

    swarm: SwarmLab
    redis_url: str
    beside: int = 0

    @property
    def pickled(self) -> Path:
        return self.directory / "stack.pickle"

    def release(self, tag: str, variant: Variant = Variant.GOOD, **more: object) -> str:
        """Commits and tags a release of which each node runs one copy."""
        return super().release(tag, variant, edit=in_two_copies, **more)

    def routes_now(self) -> bytes:
        """What all Traefiks read the routes from."""
        with redis.Redis.from_url(self.redis_url) as server:
            keys = sorted(server.scan_iter(f"{edge.ROOT_KEY}/*"))
            return repr([(key, server.get(key)) for key in keys]).encode()

    def green_containers(self) -> int:
        """How many copies of the green color run."""
        return tasks_of(self.engine.host, f"{self.project}_{PLAIN['skills']['green']}")

    def start(self, name: str) -> None:
        """Starts the Procfile's process `name`; in place of the worker, one that does not refuse the engine."""
        if name != "worker":
            super().start(name)
            return
        command = worker_command(self.beside, self.pickled)
        self.processes[name] = started(command, self.env, self.log_dir / f"{name}.log")


def swarm_stack_file(home: SwarmEnvironment) -> Json:
    """The content of the stack file. The routed service has two copies; the bot stays on the manager."""
    manager = home.swarm.manager.name
    traefik = {
        "entrypoints": {"web": {"url": list(home.routes.values())}},
        "redis": {"url": home.redis_url, "root": edge.ROOT_KEY},
    }
    return {
        **stack_file(home, SWARM_TIMES),
        "engine": "swarm",
        "registry": home.swarm.registry,
        "traefik": traefik,
        "routed": {"skills": {**PLAIN["skills"], "entrypoint": "web"}},
        "singletons": {"bot": {"service": "bot", "node": manager}},
        "checks": CHECKS,
    }


def for_one_host(content: Json) -> Json:
    """The same stack file without what only `engine: swarm` has. It is all that the web process needs."""
    kept = {name: value for name, value in content.items() if name not in {"engine", "registry"}}
    traefik = {name: value for name, value in content["traefik"].items() if name != "redis"}
    singletons = {name: {"service": each["service"]} for name, each in content["singletons"].items()}
    return {**kept, "traefik": traefik, "singletons": singletons}


@contextlib.contextmanager
def swarm_environment(
    directory: Path, swarm: SwarmLab, *, base: str, traefik: str, say: Say
) -> Iterator[SwarmEnvironment]:
    """Starts everything below the empty `directory`, and stops it at the end. No release is live yet.

    `base`, `traefik`: images on the manager.
    """
    directory.mkdir()
    ports = {name: free_port() for name in ("public", "internal", "github")}
    with contextlib.ExitStack() as ending:
        client = ending.enter_context(connected(swarm.manager.host))
        say("starting Redis, and a Traefik on each node")
        redis_url = ending.enter_context(edge.routes_redis(swarm, directory, say))
        home = _home(directory, swarm, redis_url, ports)
        home.make_directories()
        write_live(home, base, traefik, {**dict.fromkeys(UNUSED_PORTS, 0), **ports})
        checked_every("2s")(home)
        edge.make_overlay(client, home.project)
        image = edge.pushed(client, traefik, swarm.registry)
        ending.enter_context(edge.traefiks(client, image, home.project, redis_url))
        compose(home, "build", "gateway")
        image = edge.pushed(client, f"{home.project}-gateway:latest", swarm.registry)
        ending.enter_context(gateway.gateway(client, image, home.project, swarm.manager.name))
        place = WorkerPlace(home.project, edge.pushed(client, base, swarm.registry), directory, (ports["github"],))
        home.beside = place.on(swarm.manager.host)
        edge.wait_until_answered([*home.routes.values(), f"{home.gateway_url}/sessions"])
        say("starting the updater's web process and its worker")
        ending.enter_context(_github(home, ports["github"]))
        _configure(home, ports)
        ending.callback(home.end_all)
        home.start_all()
        yield home


def _home(directory: Path, swarm: SwarmLab, redis_url: str, ports: Mapping[str, int]) -> SwarmEnvironment:
    manager = swarm.manager.address
    return SwarmEnvironment(
        directory=directory,
        project=f"zu-demo-{os.getpid()}-{os.urandom(2).hex()}",
        engine=Engine(swarm.manager.host, owned=True),
        repository=DemoRepository(directory / "repository"),
        public_url=f"http://127.0.0.1:{ports['public']}",
        internal_url=f"http://127.0.0.1:{ports['internal']}",
        routes={node.name: f"http://{node.address}:{edge.WEB_PORT}" for node in swarm.nodes},
        metrics_url="",
        gateway_url=f"http://{manager}:{gateway.HTTP_PORT}",
        log_dir=directory / "logs",
        github=GitHubServer(f"http://{manager}:{ports['github']}"),
        swarm=swarm,
        redis_url=redis_url,
    )


def _github(home: SwarmEnvironment, port: int) -> contextlib.AbstractContextManager[GitHubServer]:
    """The worker sends its token by plain HTTP only to its own loopback interface, so GitHub runs there too."""
    within, manager = entering_process(home.beside), home.swarm.manager.address
    return github_server(home.log_dir / "github.log", port=port, bind="0.0.0.0", address=manager, entering=within)


def _configure(home: SwarmEnvironment, ports: Mapping[str, int]) -> None:
    """Writes the stack files, and sets the environment of the updater's processes."""
    content = swarm_stack_file(home)
    stack_written(home.pickled, parse_stack(content, engines=frozenset(EngineKind)))
    (home.directory / "stack.yml").write_text(yaml.safe_dump(for_one_host(content), sort_keys=False))
    variables = updater_variables(home, f"{home.redis_url}/1", ports)
    home.env = {**variables, "GITHUB_API_URL": f"http://127.0.0.1:{ports['github']}"}
