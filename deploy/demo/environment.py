"""An environment on one machine: engine, Redis, Traefik, the updater's processes, and the sample stack."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.demo.client_access import TIMES, ClientAccess, routed_part, strict_host
from deploy.demo.clients import plain_client, plain_sync_client
from deploy.demo.engine import Engine, Say, connected
from deploy.demo.github import REPOSITORY, release_event, signed_headers
from deploy.demo.github_control import TOKEN, GitHubServer, github_server
from deploy.demo.http1 import Target
from deploy.demo.processes import ROOT, end_group, free_port, procfile_commands, started
from deploy.demo.projects import take_down
from deploy.demo.redis_server import redis_server
from deploy.demo.repository import CONTENT, DemoRepository, Variant
from workers.adapters.docker_host.compose.client import find_compose

UP_SECONDS = 60.0
COMPOSE_SECONDS = 600
POLL_SECONDS = 0.1
WEBHOOK_SECRET = "demo-webhook-secret"

Json = dict[str, Any]


@dataclass
class Environment:
    """A sample stack that the updater manages. `processes`: by Procfile name. All URLs are on loopback.

    `routes`: the URL of the entrypoint of each routed service. `web_url`: of the one that redirects to HTTPS.
    `access`: of the services that are not reached by plain HTTP and any host name. `behind`: the environment whose
    Traefik, directory of routes and network this one shares; then it has no bot.
    """

    directory: Path
    project: str
    engine: Engine
    repository: DemoRepository
    public_url: str
    internal_url: str
    routes: dict[str, str]
    metrics_url: str
    gateway_url: str
    log_dir: Path
    github: GitHubServer
    access: Mapping[str, ClientAccess] = field(default_factory=dict)
    web_url: str = ""
    behind: "Environment | None" = None
    shas: dict[str, str] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    release_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def live(self) -> Path:
        """The operator's live directory, with the Compose file and `.env`."""
        return self.directory / "live"

    @property
    def dynamic(self) -> Path:
        """The directory that Traefik watches."""
        return (self.behind or self).directory / "routes" / "dynamic"

    @property
    def route_file(self) -> Path:
        return self.dynamic / f"updater-{self.project}.yml"

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

    @property
    def secret(self) -> str:
        return (self.directory / "data" / "secret").read_text().strip()

    def start(self, name: str) -> None:
        """Starts the Procfile's process `name`, also again after it has ended."""
        command = procfile_commands((ROOT / "Procfile").read_text())[name]
        self.processes[name] = started(command, self.env, self.log_dir / f"{name}.log")

    def release(self, tag: str, variant: Variant = Variant.GOOD, **more: Any) -> str:
        """Commits and tags, without publishing. Returns the commit's SHA."""
        self.shas[tag] = self.repository.release(tag, variant=variant, **more)
        return self.shas[tag]

    def publish(self, tag: str) -> int:
        """Publishes a release of `tag` on GitHub, without a webhook. Returns the release's id."""
        self.published[tag] = self.github.publish(tag, self.shas[tag], number=next(self.release_ids))
        return self.published[tag]

    async def announce(self, tag: str) -> Json:
        """Publishes a release of `tag` and sends its signed webhook. Returns the receiver's answer (202)."""
        await asyncio.to_thread(self.publish, tag)
        return await self.deliver(tag)

    async def deliver(self, tag: str) -> Json:
        """Sends the signed webhook of the published release of `tag`. Returns the receiver's answer."""
        body = release_event(tag, self.published[tag])
        async with plain_client(timeout=10) as client:
            url = f"{self.public_url}/webhooks/github"
            answer = await client.post(url, content=body, headers=signed_headers(body, WEBHOOK_SECRET))
        answer.raise_for_status()
        content: Json = answer.json()
        return content

    async def get(self, path: str) -> Json:
        async with self._operator() as client:
            answer = await client.get(path)
        answer.raise_for_status()
        content: Json = answer.json()
        return content

    async def post(self, path: str, body: Json | None = None) -> httpx.Response:
        async with self._operator() as client:
            return await client.post(path, json=body or {})

    async def ended(self, rollout_id: str, limit: float, watch: Callable[[Json], None] = lambda _: None) -> Json:
        """Waits for the rollout's final result. `watch` gets each status. Raises TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit), self._operator() as client:
            while True:
                status: Json = (await client.get("/status")).json()
                watch(status)
                last = status["last_result"]
                if last and last["rollout_id"] == rollout_id and status["state"] == "idle":
                    return dict(last)
                await asyncio.sleep(POLL_SECONDS)

    async def go_live(self, tag: str, variant: Variant = Variant.GOOD, limit: float = 180, **more: Any) -> Json:
        """Releases and announces `tag`, and waits for the final result."""
        self.release(tag, variant, **more)
        return await self.ended((await self.announce(tag))["rollout_id"], limit)

    async def holds(self, tags: set[str], limit: float = 30) -> None:
        """Waits until exactly those releases are held. Raises TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit):
            while set((await self.get("/status"))["held"]) != tags:
                await asyncio.sleep(POLL_SECONDS)

    async def sessions(self) -> Json:
        """Returns the gateway's counts: see stack/gateway/gateway.py."""
        async with plain_client(timeout=10) as client:
            counts: Json = (await client.get(f"{self.gateway_url}/sessions")).json()
            return counts

    def containers(self, *services: str, running_only: bool = False) -> list[Json]:
        """Returns the engine's attributes of the sample stack's containers, of all services or only `services`."""
        filters: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={self.project}"}
        with connected(self.engine.host) as client:
            found = client.containers.list(all=not running_only, filters=filters, ignore_removed=True)
        return [c for c in (each.attrs for each in found) if not services or _service(c) in services]

    def _operator(self) -> httpx.AsyncClient:
        headers = {"X-Updater-Secret": self.secret}
        return plain_client(base_url=self.internal_url, headers=headers, timeout=30)


def _service(container: Mapping[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


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
    for name in ("live", "routes/dynamic", "data", "redis", "logs"):
        (directory / name).mkdir(parents=True)
    home = _home(directory, engine, ports, access or {}, behind, repository=repository(directory / "repository"))
    _write_live(home, base, traefik, ports)
    (directory / "stack.yml").write_text(yaml.safe_dump(stack_file(home, times), sort_keys=False))
    with contextlib.ExitStack() as stack:
        stack.enter_context(github_server(home.log_dir / "github.log", port=ports["github"]))
        stack.callback(take_down, engine.host, home.project)
        if behind is None:
            say("starting Traefik and the gateway of the sample stack")
            compose_up(home, "traefik", "gateway")
        say("starting Redis, the updater's web process and its worker")
        redis_url = redis_url or stack.enter_context(redis_server(directory / "redis", say))
        home.env = _environment(home, redis_url, ports)
        prepare(home)
        stack.callback(_end, home)
        for name in procfile_commands((ROOT / "Procfile").read_text()):
            home.start(name)
        wait_until_up(home)
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


def _write_live(home: Environment, base: str, traefik: str, ports: Mapping[str, int]) -> None:
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
    command = [*find_compose(), "--project-name", home.project, "up", "--detach", "--build", *services]
    _compose(home, command)


def _compose(home: Environment, command: list[str]) -> None:
    env = {**os.environ, "DOCKER_HOST": home.engine.host, "COMPOSE_BAKE": "false"}
    done = subprocess.run(
        command, cwd=home.live, env=env, capture_output=True, text=True, check=False, timeout=COMPOSE_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _environment(home: Environment, redis_url: str, ports: Mapping[str, int]) -> dict[str, str]:
    data = home.directory / "data"
    return {
        "REDIS_URL": redis_url,
        "DOCKER_HOST": home.engine.host,
        "UPDATER_STACK_FILE": str(home.directory / "stack.yml"),
        "UPDATER_DATA_DIR": str(data),
        "UPDATER_STATE_PATH": str(data / "updater-state.json"),
        "UPDATER_SECRET_PATH": str(data / "secret"),
        "UPDATER_TRAEFIK_DYNAMIC_PATH": str(home.dynamic),
        "UPDATER_BIND": f"127.0.0.1:{ports['internal']}",
        "UPDATER_PUBLIC_BIND": f"127.0.0.1:{ports['public']}",
        "GITHUB_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "GITHUB_API_URL": home.github.url,
        "GITHUB_TOKEN": TOKEN,
    }


def wait_until_up(home: Environment) -> None:
    """Waits until web answers and the worker has published a status. Raises RuntimeError."""
    deadline = time.monotonic() + UP_SECONDS
    with plain_sync_client(timeout=5) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError, OSError, KeyError):
                headers = {"X-Updater-Secret": home.secret}
                status = client.get(f"{home.internal_url}/status", headers=headers).json()
                if status["worker_alive"]:
                    return
            if time.monotonic() > deadline or any(p.poll() is not None for p in home.processes.values()):
                raise RuntimeError(f"the updater did not start:\n{logs_of(home)}")
            time.sleep(POLL_SECONDS)


def _end(home: Environment) -> None:
    for process in reversed(home.processes.values()):
        end_group(process)


def logs_of(home: Environment, lines: int = 30) -> str:
    """Returns the last lines of every log of the environment, the worker's first."""
    files = sorted(home.log_dir.glob("*.log"), key=lambda file: (not file.name.startswith("worker"), file.name))
    return "\n".join(f"--- {f.name}\n" + "\n".join(f.read_text().splitlines()[-lines:]) for f in files)


def tree_of(directory: Path) -> dict[str, bytes]:
    """Returns every file below `directory` with its content, to check that nothing changed it."""
    files: Collection[Path] = [p for p in directory.rglob("*") if p.is_file()]
    return {str(p.relative_to(directory)): p.read_bytes() for p in files}
