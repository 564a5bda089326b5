"""A host on which the stack of the old sidecar runs, and on which docs/from-the-sidecar.md is followed."""

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
import yaml
from docker.models.containers import Container

from app.domain.stack import Color
from deploy.demo.clients import plain_client
from deploy.demo.engine import Engine, Say, connected
from deploy.demo.github import REPOSITORY, release_event, signed_headers
from deploy.demo.github_control import GitHubServer, github_server
from deploy.demo.house import House, Json
from deploy.demo.processes import ROOT
from deploy.demo.projects import take_down
from deploy.demo.repository import DemoRepository, Variant
from tests.acceptance.host.containers import Project
from tests.acceptance.host.gateway import end_gateway, start_gateway
from tests.acceptance.host.images import pinned_images
from tests.acceptance.host.shell import BLOCK_SECONDS, UPDATER_IMAGE, Shell, shell_env, write_tools
from tests.acceptance.host.turn import turn
from tests.acceptance.takeover import client as client_module
from tests.acceptance.takeover.client import Client, Outcome
from tests.acceptance.takeover.old_stack import SERVICE_USER, STACK, LiveDirectory, old_shape

PAGE = ROOT / "docs" / "from-the-sidecar.md"
BESIDE = ROOT / "deploy" / "beside.yml"
WEB, WORKER = "zetherion-ai-updater", "zetherion-ai-updater-worker"
TRAEFIK, BOT, OLD_UPDATER = "traefik", "zetherion-ai-bot", "zetherion-ai-updater"
PORTS = {"skills": 8080, "api": 8443}
FIRST = "v1.0.0"
TIMES = {
    **{"fetch": 30, "build": 120, "start": 60, "health": 10, "route": 10, "ready": 10},
    **{"bake": 2, "drain": 2.5, "stop_grace": 10},
}
"""The drain is longer than the load's longest request."""


def colored(color: Color) -> set[str]:
    """The services of that color."""
    return {f"zetherion-ai-{name}-{color}" for name in PORTS}


@dataclass
class Host(House):
    """The stack in `live`, the updater in `updater`; commands find `docker` in `tools` first."""

    client: docker.DockerClient = field(kw_only=True)
    tools: Path = field(kw_only=True)
    images: tuple[str, str] = field(kw_only=True)

    @property
    def live(self) -> Path:
        """Its name is the Compose project's, as Compose has it by default."""
        return self.directory / self.project

    @property
    def clone(self) -> LiveDirectory:
        return LiveDirectory(self.live)

    @property
    def updater(self) -> Path:
        return self.directory / "updater"

    @property
    def data(self) -> Path:
        return self.updater / "data"

    @property
    def secret(self) -> str:
        return self.clone.secret

    @property
    def network(self) -> str:
        return f"{self.project}_zetherion-ai-net"

    @property
    def stack(self) -> Project:
        return Project(self.client, self.project)

    @property
    def beside(self) -> Project:
        """The updater's own project."""
        return Project(self.client, f"{self.project}-updater")

    @cached_property
    def shell(self) -> Shell:
        places = {
            "/srv/zetherion-ai": str(self.live),
            "/srv/zetherion-updater": str(self.updater),
            "/var/run/docker.sock": self.engine.host.removeprefix("unix://"),
        }
        env = shell_env(self.tools, self.engine.host, self.directory, operator_values(self))
        github = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.repository.url}.insteadOf",
            "GIT_CONFIG_VALUE_0": f"https://github.com/{REPOSITORY}.git",
        }
        return Shell(env | github, PAGE, places)

    def type(self, block: str) -> str:
        """Types it into a shell in the live directory; what it prints."""
        return self.shell.type(block, self.live)

    def follow(self, *headings: str) -> str:
        """Types the page's blocks under those headings, by how they begin; what they print."""
        return self.shell.follow(*headings, cwd=self.directory)

    def take_over(self) -> None:
        """Steps 1 to 9 of the page."""
        self.follow("1.", "2.", "3.", "4.", "5.", "6.")
        self.push()
        self.follow("7.", "8.", "9.")
        self.look_up()

    def push(self) -> None:
        """What GitHub has of the repository, where the worker may read it: a local one has to be its own."""
        github = self.updater / "config" / "github.git"
        shutil.rmtree(github, ignore_errors=True)
        shutil.copytree(self.repository.path / ".git", github)
        for path in (github, *github.rglob("*")):
            os.chown(path, SERVICE_USER, SERVICE_USER)

    def release(self, tag: str, variant: Variant = Variant.GOOD, **more: Any) -> str:
        """Commits and tags in the old stack's shape; the commit's SHA."""
        edit = more.pop("edit", lambda _: None)

        def shaped(tree: Path) -> None:
            old_shape(tree)
            edit(tree)

        sha = super().release(tag, variant, edit=shaped, **more)
        if self.updater.exists():
            self.push()
        return sha

    def look_up(self) -> None:
        """Where the updater's web listens now."""
        address = self.beside.address(WEB, self.network)
        self.internal_url, self.public_url = f"http://{address}:9090", f"http://{address}:9091"

    @property
    def caller(self) -> Client:
        """The stack's client, at the updater's address in the stack's network."""
        return Client(self.internal_url, self.clone.secret)

    def from_skills(self, color: Color, call: str, *arguments: object) -> Json:
        """The answer to the stack's client inside the skills container of `color`, by the name and the secret there."""
        source = Path(client_module.__file__).read_text()
        url, secret = f"http://{WEB}:9090", "/app/data/.updater-secret"
        words = ("python3", "-c", source, url, secret, call, json.dumps(arguments))
        answer: Json = json.loads(self.stack.inside(f"zetherion-ai-skills-{color}", *words))
        return answer

    async def deliver(self, tag: str) -> Json:
        """GitHub sends the signed webhook of the release of `tag`, with the secret that the page made."""
        body = release_event(tag, self.published[tag])
        secret = (self.updater / "secrets" / "github-webhook-secret").read_text().strip()
        async with plain_client(timeout=10) as client:
            url = f"{self.public_url}/webhooks/github"
            answer = await client.post(url, content=body, headers=signed_headers(body, secret))
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        said: Json = answer.json()
        return said

    def instances(self, *services: str) -> dict[str, tuple[str, str]]:
        """Id and start time of the running containers of the stack, by service."""
        running = self.stack.running()
        return {s: _identity(c) for s, c in running.items() if not services or s in services}

    def route_text(self) -> str:
        return (self.live / "config/traefik/dynamic/updater-routes.yml").read_text()


def _identity(container: Container) -> tuple[str, str]:
    return str(container.id), str(container.attrs["State"]["StartedAt"])


def outcome(answer: Json) -> Outcome:
    """What a client inside a container printed."""
    return Outcome(**{**answer, "steps_completed": tuple(answer["steps_completed"])})


@contextlib.contextmanager
def old_stack(directory: Path, engine: Engine, images: tuple[str, str], say: Say) -> Iterator[Host]:
    """The stack of the old sidecar runs at FIRST, healthy, both colors up and blue routed. One at a time."""
    with (
        turn(),
        connected(engine.host, BLOCK_SECONDS) as client,
        github_server(directory / "github.log") as github,
        contextlib.ExitStack() as stack,
    ):
        _names_are_free(client)
        host = _host(directory, engine, images, client, github)
        stack.callback(_remove_image, client, UPDATER_IMAGE)
        stack.enter_context(pinned_images(client, _pinned(), say))
        stack.callback(take_down, engine.host, host.project)
        stack.callback(end_gateway, client, host.project)
        write_tools(host.tools)
        host.release(FIRST)
        host.clone.make(host.repository, FIRST, _operator_env(host))
        say("starting the stack of the old sidecar")
        host.type("docker compose up --detach --build traefik")
        host.gateway_url = start_gateway(client, host.project, host.network)
        host.type("docker compose up --detach --build")
        traefik = host.stack.address(TRAEFIK, host.network)
        host.routes = {name: f"http://{traefik}:{port}" for name, port in PORTS.items()}
        yield host


def _host(
    directory: Path, engine: Engine, images: tuple[str, str], client: docker.DockerClient, github: GitHubServer
) -> Host:
    return Host(
        directory=directory,
        project=f"zu-take-{os.getpid()}-{os.urandom(2).hex()}",
        engine=engine,
        repository=DemoRepository(directory / "repository"),
        public_url="",
        internal_url="",
        routes={},
        gateway_url="",
        metrics_url="",
        log_dir=directory,
        github=github,
        client=client,
        tools=directory / "tools",
        images=images,
    )


def _names_are_free(client: docker.DockerClient) -> None:
    """The container names of this shape are fixed: a stack that runs under them is somebody's own."""
    services = yaml.safe_load((STACK / "docker-compose.yml").read_text())["services"].values()
    names = {service["container_name"] for service in services}
    taken = names & {c.name for c in client.containers.list(all=True, ignore_removed=True)}
    if taken:
        pytest.skip(f"this engine has {', '.join(sorted(taken))} already: UPDATER_TEST_OWN_ENGINE=1 starts another one")


def _pinned() -> set[str]:
    services = yaml.safe_load(BESIDE.read_text())["services"].values()
    return {s["image"] for s in services if not s["image"].startswith("zetherion-updater:")}


def _remove_image(client: docker.DockerClient, name: str) -> None:
    with contextlib.suppress(docker.errors.APIError):
        client.images.remove(name)


def _operator_env(host: Host) -> dict[str, str]:
    base, traefik = host.images
    return {
        "BASE_IMAGE": base,
        "TRAEFIK_IMAGE": traefik,
        "DOCKER_SOCKET_PATH": host.engine.host.removeprefix("unix://"),
        "AUTO_UPDATE_REPO": REPOSITORY,
        "DISCORD_TOKEN": "canary-discord-9d1c77",
    }


def operator_values(host: Host) -> dict[str, Any]:
    """What the operator of this host writes into each file that the page has them edit."""
    page = yaml.safe_load(PAGE.read_text().partition("```yaml\n")[2].partition("```")[0])
    return {
        ".env": {"COMPOSE_PROJECT_NAME": host.beside.name},
        "github-token": "",
        "stack.yml": {
            **page,
            "project": host.project,
            "repository": REPOSITORY,
            "source": "/etc/zetherion-updater/github.git",
            "directory": str(host.live),
            "times": TIMES,
            "checks": {"passes": 3, "interval": 0.25, "timeout": 2},
            "needs": {"disk_gb": 1, "memory_mb": 128},
        },
    }
