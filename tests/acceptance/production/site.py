"""A host on which docs/install.md was followed, with the actions of its operator and of GitHub."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import docker
import httpx
import yaml
from docker.models.containers import Container

from app.domain.stack import Color
from deploy.demo.clients import plain_client
from deploy.demo.docker.engine import Engine, Say, connected
from deploy.demo.docker.projects import take_down
from deploy.demo.environment import Environment, Json
from deploy.demo.github.control import github_server
from deploy.demo.github.delivery import REPOSITORY, form_encoded, release_event, signed_headers
from deploy.demo.processes import ROOT, free_port
from deploy.demo.repository import DemoRepository, Variant
from tests.acceptance.host.containers import Project
from tests.acceptance.host.gateway import end_gateway, start_gateway
from tests.acceptance.host.images import GIT_BASE, bases, pinned_images
from tests.acceptance.host.shell import (
    BLOCK_SECONDS,
    UPDATER_IMAGE,
    UPDATER_VERSION,
    Shell,
    shell_env,
    write_tools,
)
from tests.acceptance.host.skills import Skills
from tests.acceptance.host.turn import turn

WEB, WORKER, TRAEFIK = "zetherion-ai-updater", "zetherion-ai-updater-worker", "zetherion-ai-traefik"
PROXY, TUNNEL = "zetherion-ai-socket-proxy", "zetherion-ai-cloudflared"
SERVICE_USER = 65532
SKILLS_USER = 10001
"""The user of the skills image: another one than web's, which makes the shared secret's file."""

CANARIES = {
    "DISCORD_TOKEN": "canary-discord-5b1f9c",
    "GITHUB_TOKEN": "canary-github-77d0ae",
    "TUNNEL_TOKEN": "canary-tunnel-0c6e42",
}
TIMES = {
    **{"fetch": 60, "build": 400, "start": 240, "health": 60, "route": 30, "ready": 20},
    **{"bake": 2, "drain": 3, "stop_grace": 15},
}

RELEASE_DOCKERFILE = f"""\
FROM {GIT_BASE} AS base
WORKDIR /srv
RUN true
USER 65532:65532
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
CMD ["python3", "app.py"]

FROM base AS skills
COPY common skills ./
USER {SKILLS_USER}:{SKILLS_USER}
FROM base AS api
COPY common api ./
FROM base AS bot
COPY bot ./
HEALTHCHECK --interval=30s --timeout=5s CMD ["python3", "-IS", "-c", "import os; os.stat('/tmp/ready')"]
CMD ["python3", "bot.py"]
"""

FLOOD = f"""RUN python3 -c "print(('x' * 100_000 + chr(10)) * 2_000)" # {secrets.token_hex(8)}: never a cached layer"""
"""2,000 lines of 100 kB. BuildKit passes on the first 2 MiB of them."""


@dataclass
class Site(Environment):
    """The stack in `directory`; shell commands find `docker` in `tools` first."""

    client: docker.DockerClient = field(kw_only=True)
    tools: Path = field(kw_only=True)

    @property
    def data(self) -> Path:
        """The updater's data directory."""
        return self.directory / "updater"

    @property
    def secret(self) -> str:
        return self.inside(WEB, "cat", "/app/data/.updater-secret").strip()

    @property
    def stack(self) -> Project:
        return Project(self.client, self.project)

    def all_containers(self, *, stopped: bool = True) -> list[Container]:
        return self.stack.containers(stopped=stopped)

    def running(self) -> dict[str, Container]:
        """The running containers by service."""
        return self.stack.running()

    def container(self, service: str) -> Container:
        return self.stack.container(service)

    def skills(self, color: Color) -> Skills:
        """The old client in the skills container of `color`, which finds the updater as its environment says."""
        environment = self.container(f"zetherion-ai-skills-{color}").attrs["Config"]["Env"]
        values = dict(line.split("=", 1) for line in environment)
        return Skills(self.stack, color, values["UPDATER_URL"], values["UPDATER_SECRET_PATH"])

    def address(self, service: str) -> str:
        """The address of `service` in the stack's network."""
        return self.stack.address(service, f"{self.project}-net")

    def inside(self, service: str, *command: str) -> str:
        """Runs `command` in the service's container and returns its output. Raises AssertionError if it fails."""
        return self.stack.inside(service, *command)

    def type(self, block: str) -> str:
        """Runs `block` in a shell, in the live directory if it exists, and returns the output."""
        return self.shell.type(block, cwd=self._here)

    def follow(self, *headings: str) -> str:
        """Runs the page's blocks under the headings that start with `headings`, in one shell; returns the output."""
        return self.shell.follow(*headings, cwd=self._here)

    @property
    def _here(self) -> Path:
        return self.live if self.live.exists() else self.directory

    @cached_property
    def shell(self) -> Shell:
        places = {
            "/srv/zetherion-ai": str(self.live),
            "/srv/zetherion-updater": str(self.data),
            "/var/run/docker.sock": self.engine.host.removeprefix("unix://"),
        }
        env = shell_env(self.tools, self.engine.host, self.directory, operator_values(self))
        return Shell(env | {"COMPOSE_PROJECT_NAME": self.project}, ROOT / "docs" / "install.md", places)

    def take_containers_away(self) -> None:
        """Removes the containers, so that their images can be removed."""
        for container in self.all_containers():
            container.remove(force=True)

    def look_up(self) -> None:
        """Reads the current addresses of the containers."""
        web, traefik = self.address(WEB), self.address(TRAEFIK)
        self.internal_url, self.public_url = f"http://{web}:9090", f"http://{web}:9091"
        self.routes = {"skills": f"http://{traefik}:8080", "api": f"http://{traefik}:8443"}

    async def announce(self, tag: str, *, form: bool = False) -> Json:
        """Sends the webhook of `tag` as GitHub does, signed with the secret from the page."""
        event = release_event(tag, next(self.release_ids))
        body = form_encoded(event) if form else event
        secret = self.secret_file("github-webhook-secret")
        async with plain_client(timeout=60) as client:
            headers = signed_headers(body, secret, form=form)
            answer = await client.post(f"{self.public_url}/webhooks/github", content=body, headers=headers)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        content: Json = answer.json()
        return content

    def start_gateway(self) -> None:
        """Starts a stand-in for Discord that counts the bots' sessions exactly."""
        self.gateway_url = start_gateway(self.client, self.project, f"{self.project}-net")

    def end_gateway(self) -> None:
        end_gateway(self.client, self.project)

    def secret_file(self, name: str) -> str:
        """The content of a secret file that the page or the operator wrote."""
        return (self.live / "secrets" / name).read_text().strip()

    def publish_repository(
        self, releases: Mapping[str, Variant], updaters: Mapping[str, str], flooding: Collection[str]
    ) -> None:
        """Commits those releases, and makes a copy that the worker owns: git reads only local repositories of its user.

        `updaters`: tag → the version of the updater in that release, if it differs. `flooding`: the tags whose build
        prints long lines.
        """
        for tag, variant in releases.items():
            edit = partial(_as_production, updater=updaters.get(tag, UPDATER_VERSION), floods=tag in flooding)
            self.shas[tag] = self.repository.release(tag, variant=variant, edit=edit)
        shutil.copytree(self.repository.path / ".git", self.live / "repository.git")
        for path in (self.live / "repository.git", *(self.live / "repository.git").rglob("*")):
            os.chown(path, SERVICE_USER, SERVICE_USER)


def _as_production(tree: Path, updater: str, *, floods: bool) -> None:
    """Combines the sample services with the production stack's Compose file."""
    text = (ROOT / "deploy" / "docker-compose.yml").read_text()
    default = f"${{UPDATER_IMAGE_VERSION:-{UPDATER_VERSION}}}"
    assert default in text
    text = text.replace(default, f"${{UPDATER_IMAGE_VERSION:-{updater}}}")
    (tree / "docker-compose.yml").write_text(_with_a_config(_in_a_second_network(text)))
    for source, name in (
        ("config/traefik", "traefik/traefik.yml"),
        ("deploy/socket-proxy", "socket-proxy/haproxy.cfg"),
    ):
        (tree / name).parent.mkdir()
        shutil.copy(ROOT / source / Path(name).name, tree / name)
    (tree / "Dockerfile").write_text(RELEASE_DOCKERFILE.replace("RUN true", FLOOD) if floods else RELEASE_DOCKERFILE)


def _in_a_second_network(text: str) -> str:
    """Puts skills into a network too in which neither the worker nor Traefik is; it comes first by its name."""
    skills, networks = "x-skills: &skills\n  <<: *release\n", "\nnetworks:\n"
    assert skills in text
    assert networks in text
    text = text.replace(skills, f"{skills}  networks: [a-store, zetherion-ai-net]\n")
    return text.replace(networks, f"{networks}  a-store: {{internal: true}}\n")


def _with_a_config(text: str) -> str:
    """Gives the moved services a config that has no file on the host: so their file systems have to be writable."""
    model = yaml.safe_load(text)
    for name, service in model["services"].items():
        if name.endswith(("-blue", "-green", "-bot")):
            service |= {"configs": ["site"], "read_only": False}
    return yaml.safe_dump({**model, "configs": {"site": {"content": "of ${COMPOSE_PROJECT_NAME}"}}}, sort_keys=False)


@contextlib.contextmanager
def bare_host(directory: Path, engine: Engine, say: Say) -> Iterator[Site]:
    """A host with the pinned images and a repository with releases; nothing is installed."""
    project = f"zu-prod-{os.getpid()}-{os.urandom(2).hex()}"
    with turn(), connected(engine.host, BLOCK_SECONDS) as client, contextlib.ExitStack() as stack:
        directory.mkdir(exist_ok=True)
        site = Site(
            directory=directory,
            project=project,
            engine=engine,
            repository=DemoRepository(directory / "repository"),
            public_url="",
            internal_url="",
            routes={},
            gateway_url="",
            metrics_url="",
            log_dir=directory,
            github=stack.enter_context(github_server(directory / "github.log")),
            client=client,
            tools=directory / "tools",
        )
        bases(client, say)
        stack.callback(_remove_images, client, {UPDATER_IMAGE})
        stack.enter_context(pinned_images(client, _pinned(), say))
        stack.callback(take_down, engine.host, project)
        stack.callback(site.end_gateway)
        write_tools(site.tools)
        yield site


@contextlib.contextmanager
def installed(
    directory: Path,
    engine: Engine,
    say: Say,
    releases: Mapping[str, Variant],
    *,
    updaters: Mapping[str, str] | None = None,
    flooding: Collection[str] = (),
) -> Iterator[Site]:
    """A host after sections 1 to 5 of the page, with no live release."""
    with bare_host(directory, engine, say) as site:
        site.follow("1.", "2.", "3.", "4.")
        site.publish_repository(releases, updaters or {}, flooding)
        site.follow("5.")  # its last line runs the doctor, which fails on any problem
        site.look_up()
        site.start_gateway()
        yield site


def _committed(key: str) -> Json:
    """The part `key` of the committed stack file."""
    committed: Json = yaml.safe_load((ROOT / "config" / "stack.yml").read_text())
    return dict(committed[key])


def _pinned() -> set[str]:
    model = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text())
    images = {s["image"] for s in model["services"].values() if "image" in s}
    return {image for image in images if not image.startswith("zetherion-updater:")}


def _remove_images(client: docker.DockerClient, names: set[str]) -> None:
    for name in names:
        with contextlib.suppress(docker.errors.APIError):
            client.images.remove(name)


def operator_values(site: Site) -> dict[str, Any]:
    """The values that the operator writes into each file that the page has them edit."""
    socket = site.engine.host.removeprefix("unix://")
    return {
        ".env": {
            "DOCKER_SOCKET": socket,
            "QDRANT_BIND": f"127.0.0.1:{free_port()}",
            "OLLAMA_BIND": f"127.0.0.1:{free_port()}",
        },
        "discord-token": CANARIES["DISCORD_TOKEN"],
        "github-token": CANARIES["GITHUB_TOKEN"],
        "cloudflare-tunnel-token": CANARIES["TUNNEL_TOKEN"],
        "stack.yml": {
            "project": site.project,
            "repository": REPOSITORY,
            "source": str(site.live / "repository.git"),
            "times": TIMES,
            "routed": _committed("routed"),
            "updater": _committed("updater") | {"ready": 60},
            "needs": {"disk_gb": 1, "memory_mb": 128},
        },
    }
