"""An environment on one machine: engine, Redis, Traefik, the updater's processes, and the sample stack."""

import contextlib
import itertools
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy.demo.client_access import PLAIN, TIMES, ClientAccess, routed_part, strict_host
from deploy.demo.clients import Json, plain_client
from deploy.demo.compose import compose
from deploy.demo.docker.engine import Engine, Say
from deploy.demo.docker.projects import take_down
from deploy.demo.github.control import GitHubServer, github_server
from deploy.demo.github.delivery import REPOSITORY
from deploy.demo.http1 import Target
from deploy.demo.processes import free_port
from deploy.demo.redis_server import redis_server
from deploy.demo.repository import CONTENT, DemoRepository, Variant
from deploy.demo.updated_stack import (
    CALL_SECONDS,
    WEBHOOK_SECRET,
    UpdatedStack,
    logs_of,
    updater_variables,
    wait_until_up,
)

__all__ = [
    "WEBHOOK_SECRET",
    "Environment",
    "Json",
    "checked_every",
    "compose_up",
    "environment",
    "logs_of",
    "stack_file",
    "tree_of",
    "wait_until_up",
]


@dataclass(kw_only=True)
class Environment(UpdatedStack):
    """A sample stack that the updater manages.

    `routes`: the URL of the entrypoint of each routed service. `web_url`: of the one that redirects to HTTPS.
    `access`: of the services that are not reached by plain HTTP and any host name. `behind`: the environment whose
    Traefik, directory of routes and network this one shares; then it has no bot.
    """

    repository: DemoRepository
    routes: dict[str, str]
    metrics_url: str
    gateway_url: str
    access: Mapping[str, ClientAccess] = field(default_factory=dict)
    web_url: str = ""
    behind: "Environment | None" = None

    @property
    def dynamic(self) -> Path:
        """The directory that Traefik watches."""
        return (self.behind or self).directory / "routes" / "dynamic"

    @property
    def targets(self) -> dict[str, Target]:
        """Where clients send requests to each routed service."""
        accessed = {name: way.target(self.routes[way.entrypoint]) for name, way in self.access.items()}
        return {name: accessed.get(name, Target(url)) for name, url in self.routes.items()}

    @property
    def all_targets(self) -> list[Target]:
        """Those of `targets`, and of the other routes of each service."""
        more = (way.more_targets(self.routes[way.entrypoint]) for way in self.access.values())
        return [*self.targets.values(), *itertools.chain.from_iterable(more)]

    @property
    def entrypoints(self) -> dict[str, str]:
        """The entrypoints of the stack file."""
        used = [(way.entrypoint, way.address(self.routes[way.entrypoint])) for way in self.access.values()]
        return self.routes | dict(used)

    def release(self, tag: str, variant: Variant = Variant.GOOD, **more: Any) -> str:
        """Commits and tags, without publishing. Returns the commit's SHA."""
        self.shas[tag] = self.repository.release(tag, variant=variant, **more)
        return self.shas[tag]

    async def go_live(self, tag: str, variant: Variant = Variant.GOOD, limit: float = 300, **more: Any) -> Json:
        """Releases and announces `tag`, and waits for the final result."""
        self.release(tag, variant, **more)
        return await self.ended((await self.announce(tag))["rollout_id"], limit)

    def routes_now(self) -> bytes:
        """What Traefik reads the routes from, to see whether it changes."""
        return self.route_file.read_bytes()

    def green_containers(self) -> int:
        """How many containers of the green color exist."""
        return len(self.containers(*(colors["green"] for colors in PLAIN.values())))

    async def sessions(self) -> Json:
        """Returns the gateway's counts: see stack/gateway/gateway.py."""
        async with plain_client(timeout=CALL_SECONDS) as client:
            counts: Json = (await client.get(f"{self.gateway_url}/sessions")).json()
            return counts


@contextlib.contextmanager
def environment(
    directory: Path,
    engine: Engine,
    *,
    base: str,
    traefik: str,
    say: Say = lambda _: None,
    times: Mapping[str, float] = TIMES,
    redis_url: str | None = None,
    access: Mapping[str, ClientAccess] | None = None,
    behind: Environment | None = None,
    repository: Callable[[Path], DemoRepository] = DemoRepository,
    prepare: Callable[[Environment], None] = lambda _: None,
) -> Iterator[Environment]:
    """Starts everything below the empty `directory`, and stops it at the end. No release is live yet.

    `redis_url`: use this running server. `access`: of services by name. `behind`: share the Traefik, the directory of
    routes and the network of this one, and have no bot. `repository` makes the one of the releases at an empty path.
    `prepare` may change the environment before the updater starts.
    """
    names = ("skills", "api", "web", "metrics", "gateway", "public", "internal", "github")
    ports = {name: free_port() for name in names}
    directory.mkdir(parents=True, exist_ok=True)
    home = _home(directory, engine, ports, access or {}, behind, repository=repository(directory / "repository"))
    home.make_directories()
    write_live(home, base, traefik, ports)
    (directory / "stack.yml").write_text(yaml.safe_dump(stack_file(home, times), sort_keys=False))
    with contextlib.ExitStack() as stack:
        stack.enter_context(github_server(home.log_dir / "github.log", port=ports["github"]))
        stack.callback(take_down, engine.host, home.project)
        if behind is None:
            say("starting Traefik and the gateway of the sample stack")
            compose_up(home, "traefik", "gateway")
        say("starting Redis, the updater's web process and its worker")
        redis_url = redis_url or stack.enter_context(redis_server(directory / "redis", say))
        home.env = updater_variables(home, redis_url, ports)
        prepare(home)
        stack.callback(home.end_all)
        home.start_all()
        yield home


def _home(
    directory: Path,
    engine: Engine,
    ports: Mapping[str, int],
    access: Mapping[str, ClientAccess],
    behind: Environment | None,
    *,
    repository: DemoRepository,
) -> Environment:
    own = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    return Environment(
        directory=directory,
        project=f"zu-demo-{os.getpid()}-{os.urandom(2).hex()}",
        engine=engine,
        repository=repository,
        public_url=own["public"],
        internal_url=own["internal"],
        routes=behind.routes if behind else {name: own[name] for name in ("skills", "api")},
        web_url=behind.web_url if behind else own["web"],
        metrics_url=behind.metrics_url if behind else own["metrics"],
        gateway_url=own["gateway"],
        log_dir=directory / "logs",
        github=GitHubServer(own["github"]),
        access=access,
        behind=behind,
    )


def checked_every(interval: str) -> Callable[[Environment], None]:
    """For `prepare`: sets the interval of the containers' own health checks, for example `30s`."""

    def prepare(home: Environment) -> None:
        with (home.live / ".env").open("a") as file:
            file.write(f"DEMO_HEALTH_INTERVAL={interval}\n")

    return prepare


def stack_file(home: Environment, times: Mapping[str, float]) -> Json:
    """Returns the content of the sample stack's `stack.yml`."""
    return {
        "project": home.project,
        "repository": REPOSITORY,
        "source": home.repository.url,
        "directory": str(home.live),
        "traefik": {"entrypoints": home.entrypoints, "metrics": f"{home.metrics_url}/metrics"},
        "routed": routed_part(home.access),
        "singletons": {} if home.behind else {"bot": {"service": "bot"}},
        "times": dict(times),
        "checks": {"passes": 3, "interval": 0.25, "timeout": 2},
        "needs": {"disk_gb": 1, "memory_mb": 256},
    }


def write_live(home: Environment, base: str, traefik: str, ports: Mapping[str, int]) -> None:
    """Writes what an operator has before the first release: the Compose file and `.env`."""
    values = {
        "DEMO_BASE_IMAGE": base,
        "DEMO_TRAEFIK_IMAGE": traefik,
        "DEMO_ROUTES_DIR": str(home.directory / "routes"),
        "DEMO_SKILLS_PORT": str(ports["skills"]),
        "DEMO_API_PORT": str(ports["api"]),
        "DEMO_WEB_PORT": str(ports["web"]),
        "DEMO_METRICS_PORT": str(ports["metrics"]),
        "DEMO_GATEWAY_PORT": str(ports["gateway"]),
        "DEMO_OPERATOR_VALUE": "'costs $5'",
        "DEMO_SKILLS_HOST": strict_host(home.access, "skills"),
        **({"DEMO_NETWORK": f"{home.behind.project}_default", "DEMO_NETWORK_SHARED": "true"} if home.behind else {}),
    }
    (home.live / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    (home.live / "docker-compose.yml").write_bytes((CONTENT / "docker-compose.yml").read_bytes())
    (home.live / "gateway").mkdir()
    for file in (CONTENT / "gateway").iterdir():
        if file.is_file():
            (home.live / "gateway" / file.name).write_bytes(file.read_bytes())


def compose_up(home: Environment, *services: str) -> None:
    """Runs an operator's `docker compose up` in the live directory. Raises RuntimeError with Compose's output."""
    compose(home, "up", "--detach", "--build", *services)


def tree_of(directory: Path) -> dict[str, bytes]:
    """Returns every file below `directory` with its content, to check that nothing changed it."""
    files: Collection[Path] = [p for p in directory.rglob("*") if p.is_file()]
    return {str(p.relative_to(directory)): p.read_bytes() for p in files}
