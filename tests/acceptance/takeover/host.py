"""A host that runs the stack of the old sidecar, on which docs/from-the-sidecar.md is followed."""

import asyncio
import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import httpx
from docker.models.containers import Container

from app.domain.stack import Color
from deploy.demo.clients import plain_client
from deploy.demo.environment import Environment, Json
from deploy.demo.github.delivery import REPOSITORY, form_encoded, signed_headers
from deploy.demo.processes import ROOT
from deploy.demo.repository import Variant
from tests.acceptance.host.containers import Project
from tests.acceptance.host.old_client import Client
from tests.acceptance.host.shell import Shell, shell_env
from tests.acceptance.host.skills import Skills
from tests.acceptance.takeover.old_stack import SERVICE_USER, LiveDirectory, old_shape
from tests.integration.waiting import until

PAGE = ROOT / "docs" / "from-the-sidecar.md"
BESIDE = ROOT / "deploy" / "beside.yml"
WEB, WORKER = "zetherion-ai-updater", "zetherion-ai-updater-worker"
TRAEFIK, BOT, OLD_UPDATER = "traefik", "zetherion-ai-bot", "zetherion-ai-updater"
PORTS = {"skills": 8080, "api": 8443}
FIRST = "v1.0.0"
UP_SECONDS, BUSY_SECONDS, AGAIN_SECONDS = 180.0, 180.0, 1.0
LOG_LINES = 40
TIMES = {
    **{"fetch": 30, "build": 300, "start": 180, "health": 15, "route": 30, "ready": 15},
    **{"bake": 2, "drain": 2.5, "stop_grace": 10},
}
"""The drain must exceed the load's longest request."""


Instances = dict[str, tuple[str, str]]
"""The id and start time of containers, by service."""


def colored(color: Color) -> set[str]:
    """The routed services of that color."""
    return {f"zetherion-ai-{name}-{color}" for name in PORTS}


@dataclass
class Host(Environment):
    """The stack in `live` and the updater in `updater`; shell commands find `docker` in `tools` first."""

    client: docker.DockerClient = field(kw_only=True)
    tools: Path = field(kw_only=True)
    images: tuple[str, str] = field(kw_only=True)

    @property
    def live(self) -> Path:
        """The live directory; Compose uses its name as the project name by default."""
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
        """The updater's own Compose project."""
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
        """Runs `block` in a shell in the live directory and returns the output."""
        return self.shell.type(block, cwd=self.live)

    def follow(self, *headings: str) -> str:
        """Runs the page's blocks under the headings that start with `headings` and returns the output.

        Raises AssertionError with the updater's logs if one fails.
        """
        try:
            return self.shell.follow(*headings, cwd=self.directory)
        except AssertionError as failed:
            raise AssertionError(f"{failed}\n{self.updater_logs()}") from failed

    def updater_logs(self) -> str:
        tails = {c.name: c.logs(tail=LOG_LINES).decode("utf-8", "replace") for c in self.beside.containers()}
        return "\n".join(f"--- {name}\n{text}" for name, text in tails.items())

    def take_over(self) -> None:
        """Follows steps 1 to 10 of the page."""
        self.follow("1.", "2.", "3.", "4.", "5.", "6.")
        self.push()
        self.follow("7.", "8.", "9.", "10.")
        self.look_up()

    def push(self) -> None:
        """Copies the repository for the worker, which must own it: git reads only local repositories of its user."""
        github = self.updater / "config" / "github.git"
        shutil.rmtree(github, ignore_errors=True)
        shutil.copytree(self.repository.path / ".git", github)
        for path in (github, *github.rglob("*")):
            os.chown(path, SERVICE_USER, SERVICE_USER)

    def release(self, tag: str, variant: Variant = Variant.GOOD, **more: Any) -> str:
        """Commits and tags a release with the old stack's layout; returns the commit's SHA."""
        edit = more.pop("edit", lambda _: None)

        def shaped(tree: Path) -> None:
            old_shape(tree)
            edit(tree)

        sha = super().release(tag, variant, edit=shaped, **more)
        if self.updater.exists():
            self.push()
        return sha

    def look_up(self) -> None:
        """Reads the current address of the updater's web process."""
        address = self.beside.address(WEB, self.network)
        self.internal_url, self.public_url = f"http://{address}:9090", f"http://{address}:9091"

    @property
    def caller(self) -> Client:
        """The stack's client, at the updater's address in the stack's network."""
        return Client(self.internal_url, self.clone.secret)

    def skills(self, color: Color) -> Skills:
        """The stack's client in the skills container of `color`, with that stack's host name and secret."""
        return Skills(self.stack, color, f"http://{WEB}:9090", "/app/data/.updater-secret")

    async def deliver(self, tag: str, *, form: bool = False) -> Json:
        """Sends the webhook of `tag` as GitHub does, signed with the secret from the page."""
        event = self.event(tag)
        body = form_encoded(event) if form else event
        secret = (self.updater / "secrets" / "github-webhook-secret").read_text().strip()
        async with plain_client(timeout=60) as client:
            url = f"{self.public_url}/webhooks/github"
            answer = await client.post(url, content=body, headers=signed_headers(body, secret, form=form))
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        content: Json = answer.json()
        return content

    def status(self) -> Json:
        """The status, read with the stack's client."""
        answer: Json = self.caller.status()
        return answer

    async def get(self, path: str) -> Json:
        """Gets `path`, and retries after a 503. Raises TimeoutError after BUSY_SECONDS."""
        async with asyncio.timeout(BUSY_SECONDS):
            while True:
                try:
                    return await super().get(path)
                except httpx.HTTPStatusError as busy:
                    if busy.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                        raise
                await asyncio.sleep(AGAIN_SECONDS)

    async def worker_is_up(self) -> None:
        """Waits for the worker's own health check, which passes after the adoption. Raises TimeoutError."""

        def is_up() -> bool:
            worker = self.beside.running().get(WORKER)  # the engine may be restarting it
            return worker is not None and worker.health == "healthy"

        await until(is_up, UP_SECONDS)

    def running_of(self, services: set[str]) -> set[str]:
        """Those of `services` that run."""
        return services & set(self.stack.running())

    def instances(self, *services: str) -> Instances:
        """The running containers of the stack, by service."""
        running = self.stack.running()
        return {s: _identity(c) for s, c in running.items() if not services or s in services}

    def route_text(self) -> str:
        return (self.live / "config/traefik/dynamic/updater-routes.yml").read_text()


def _identity(container: Container) -> tuple[str, str]:
    return str(container.id), str(container.attrs["State"]["StartedAt"])


def operator_values(host: Host) -> dict[str, Any]:
    """The values that the operator writes into each file that the page has them edit; init finds the others."""
    return {
        ".env": {"COMPOSE_PROJECT_NAME": host.beside.name},
        "github-token": "",
        "stack.yml": {
            "source": "/etc/zetherion-updater/github.git",
            "times": TIMES,
            "checks": {"passes": 3, "interval": 0.25, "timeout": 2},
            "needs": {"disk_gb": 1, "memory_mb": 128},
        },
    }
