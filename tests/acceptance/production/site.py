"""A host on which docs/install.md was followed: the stack's containers, and what an operator and GitHub do to them."""

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import docker
import httpx
import yaml
from docker.models.containers import Container

from deploy.demo.engine import Engine, Say, connected
from deploy.demo.github import REPOSITORY, release_event, signed_headers
from deploy.demo.github_control import github_server
from deploy.demo.house import House, Json
from deploy.demo.images import packed
from deploy.demo.processes import ROOT, free_port
from deploy.demo.projects import take_down
from deploy.demo.repository import CONTENT, DemoRepository, Variant
from tests.acceptance.production.images import GIT_BASE, PARTS_BASE, bases, pinned_images
from tests.acceptance.production.page import sections
from workers.adapters.compose import find_compose

UPDATER_VERSION = "0.1.0"
UPDATER_IMAGE = f"zetherion-updater:{UPDATER_VERSION}"
WEB, WORKER, TRAEFIK = "zetherion-ai-updater", "zetherion-ai-updater-worker", "zetherion-ai-traefik"
PROXY, TUNNEL = "zetherion-ai-socket-proxy", "zetherion-ai-cloudflared"
SERVICE_USER = 65532
GATEWAY = "updater.test.gateway"
BLOCK_SECONDS = 300
TURN_SECONDS, TURN_POLL_SECONDS = 900.0, 0.5
CANARIES = {
    "DISCORD_TOKEN": "canary-discord-5b1f9c",
    "GITHUB_TOKEN": "canary-github-77d0ae",
    "TUNNEL_TOKEN": "canary-tunnel-0c6e42",
}
TIMES = {
    **{"fetch": 60, "build": 240, "start": 120, "health": 60, "route": 30, "ready": 12},
    **{"bake": 2, "drain": 3, "stop_grace": 15},
}

RELEASE_DOCKERFILE = f"""\
FROM {GIT_BASE} AS base
WORKDIR /srv
USER 65532:65532
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
CMD ["python3", "app.py"]

FROM base AS skills
COPY common skills ./
FROM base AS api
COPY common api ./
FROM base AS bot
COPY bot ./
HEALTHCHECK --interval=30s --timeout=5s CMD ["python3", "-IS", "-c", "import os; os.stat('/tmp/ready')"]
CMD ["python3", "bot.py"]
"""


@dataclass
class Site(House):
    """The stack in `directory`; its commands find `docker` in `tools` first."""

    client: docker.DockerClient = field(kw_only=True)
    tools: Path = field(kw_only=True)
    shell_env: dict[str, str] = field(default_factory=dict, kw_only=True)

    @property
    def data(self) -> Path:
        """The updater's own directory."""
        return self.directory / "updater"

    @property
    def secret(self) -> str:
        return self.inside(WEB, "cat", "/app/data/.updater-secret").strip()

    def all_containers(self, *, stopped: bool = True) -> list[Container]:
        label = f"com.docker.compose.project={self.project}"
        return self.client.containers.list(all=stopped, filters={"label": label}, ignore_removed=True)

    def running(self) -> dict[str, Container]:
        """What runs, by service."""
        return {c.labels["com.docker.compose.service"]: c for c in self.all_containers(stopped=False)}

    def container(self, service: str) -> Container:
        return self.running()[service]

    def address(self, service: str) -> str:
        """Its address in the stack's network."""
        networks = self.container(service).attrs["NetworkSettings"]["Networks"]
        return str(networks[f"{self.project}-net"]["IPAddress"])

    def inside(self, service: str, *command: str) -> str:
        """What `command` prints in that service's container. Raises AssertionError when it fails."""
        done = self.container(service).exec_run(list(command))
        said = bytes(done.output).decode("utf-8", "replace")  # type: ignore[arg-type]  # not streamed: bytes
        assert done.exit_code == 0, f"{command} in {service}: {said}"
        return said

    def type(self, block: str) -> str:
        """Types it into a shell that begins in the live directory, once there is one; what it prints."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=self.live if self.live.exists() else self.directory,
            env=self.shell_env,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout + done.stderr

    def follow(self, *headings: str) -> str:
        """Types the page's blocks under those headings (by how they begin) in one sitting; what they print."""
        page = sections((ROOT / "docs" / "install.md").read_text())
        first = page[0].blocks[0]
        for there, here in (
            ("/srv/zetherion-ai", self.live),
            ("/srv/zetherion-updater", self.data),
            ("/var/run/docker.sock", self.engine.host.removeprefix("unix://")),
        ):
            assert there in first
            first = first.replace(there, str(here))
        chosen = [s for s in page if s.heading.startswith(headings)]
        assert len(chosen) == len(headings), f"the page has no {headings}"
        return self.type("\n".join([first, *(block for section in chosen for block in section.blocks)]))

    def take_containers_away(self) -> None:
        """Before images that they run from are removed."""
        for container in self.all_containers():
            container.remove(force=True)

    def look_up(self) -> None:
        """Where the containers listen now."""
        web, traefik = self.address(WEB), self.address(TRAEFIK)
        self.internal_url, self.public_url = f"http://{web}:9090", f"http://{web}:9091"
        self.routes = {"skills": f"http://{traefik}:8080", "api": f"http://{traefik}:8443"}

    async def announce(self, tag: str) -> Json:
        """As GitHub would, signed with the secret that the page has made."""
        body = release_event(tag, next(self.release_ids))
        secret = self.secret_file("github-webhook-secret")
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            headers = signed_headers(body, secret)
            answer = await client.post(f"{self.public_url}/webhooks/github", content=body, headers=headers)
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        said: Json = answer.json()
        return said

    def start_gateway(self) -> None:
        """Stands in for Discord: it counts the bots' sessions exactly."""
        files = {name: CONTENT / "gateway" / name for name in ("gateway.py", "VERSION")}
        dockerfile = f'FROM {GIT_BASE}\nCOPY gateway.py VERSION /srv/\nUSER 65532\nCMD ["python3", "/srv/gateway.py"]\n'
        image = packed(self.client, f"{self.project}-gateway:latest", dockerfile, files)
        gateway = self.client.containers.create(image, name=f"{self.project}-gateway", labels={GATEWAY: self.project})
        self.client.networks.get(f"{self.project}-net").connect(gateway, aliases=["gateway"])
        gateway.start()
        gateway.reload()
        address = gateway.attrs["NetworkSettings"]["Networks"][f"{self.project}-net"]["IPAddress"]
        self.gateway_url = f"http://{address}:7001"

    def end_gateway(self) -> None:
        label = f"{GATEWAY}={self.project}"
        for gateway in self.client.containers.list(all=True, filters={"label": label}, ignore_removed=True):
            gateway.remove(force=True)

    def secret_file(self, name: str) -> str:
        """What the page, or the operator, wrote there."""
        return (self.live / "secrets" / name).read_text().strip()

    def publish_repository(self, releases: Mapping[str, Variant], updaters: Mapping[str, str]) -> None:
        """Commits those releases, and gives the worker a copy that it may read: a local one has to be its own.

        `updaters`: tag → the version of the updater that the release comes with, where it is another one.
        """
        for tag, variant in releases.items():
            edit = partial(_as_production, updater=updaters.get(tag, UPDATER_VERSION))
            self.repository.release(tag, variant=variant, edit=edit)
        shutil.copytree(self.repository.path / ".git", self.live / "repository.git")
        for path in (self.live / "repository.git", *(self.live / "repository.git").rglob("*")):
            os.chown(path, SERVICE_USER, SERVICE_USER)


def _as_production(tree: Path, updater: str) -> None:
    """The sample services under the production stack's own Compose file."""
    text = (ROOT / "deploy" / "docker-compose.yml").read_text()
    default = f"${{UPDATER_VERSION:-{UPDATER_VERSION}}}"
    assert default in text
    (tree / "docker-compose.yml").write_text(text.replace(default, f"${{UPDATER_VERSION:-{updater}}}"))
    (tree / "Dockerfile").write_text(RELEASE_DOCKERFILE)


@contextlib.contextmanager
def bare_host(directory: Path, engine: Engine, say: Say) -> Iterator[Site]:
    """The images under the names that the Compose file pins, a repository with releases, and nothing installed."""
    project = f"zu-prod-{os.getpid()}-{os.urandom(2).hex()}"
    with _turn(), connected(engine.host, BLOCK_SECONDS) as client, contextlib.ExitStack() as stack:
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
        _write_tools(site)
        yield site


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """One such host at a time: two would have the same images and ports. Raises TimeoutError after TURN_SECONDS."""
    deadline = time.monotonic() + TURN_SECONDS
    (ROOT / ".cache").mkdir(exist_ok=True)
    with (ROOT / ".cache" / "production-stack.lock").open("w") as turn:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"another test had the production stack for {TURN_SECONDS:.0f} s")
            time.sleep(TURN_POLL_SECONDS)
        yield


@contextlib.contextmanager
def installed(
    directory: Path, engine: Engine, say: Say, releases: Mapping[str, Variant], updaters: Mapping[str, str]
) -> Iterator[Site]:
    """Sections 1 to 5 of the page were typed; nothing is live yet."""
    with bare_host(directory, engine, say) as site:
        site.follow("1.", "2.", "3.", "4.")
        site.publish_repository(releases, updaters)
        site.follow("5.")  # its last line is the doctor, who fails where anything is wrong
        site.look_up()
        site.start_gateway()
        yield site


def _committed(key: str) -> Json:
    """That part of the committed stack file."""
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


def _write_tools(site: Site) -> None:
    """What the page takes for granted on a host, and what differs on one without a registry.

    `docker` is the engine's own client; `docker compose` is Compose as this environment has it; `docker build` is told
    the bases that were made here. `git clone` gives this checkout. The editor writes what an operator would.
    """
    site.tools.mkdir()
    compose, docker_cli = shlex.join(find_compose()), shutil.which("docker")
    assert docker_cli, "the page is typed with the `docker` command: install the docker.io package"
    build = {
        "context": ".",
        "dockerfile": "deploy/Dockerfile",
        "network": "host",
        "args": {"BASE": GIT_BASE, "BUILD_BASE": PARTS_BASE},
    }
    (site.tools / "build.json").write_text(
        json.dumps({"services": {"updater": {"image": UPDATER_IMAGE, "build": build}}})
    )
    scripts = {
        "docker": f'case "$1" in\n  compose) shift; exec {compose} "$@" ;;\n'
        f'  build) exec {compose} --file "$(dirname "$0")/build.json" --project-directory . build ;;\n'
        f'  *) exec {docker_cli} "$@" ;;\nesac\n',
        "git": f'ln -s {ROOT} "$(basename "${{@: -1}}" .git)"\n',
        "editor": f'exec python3 {Path(__file__).with_name("editor.py")} "$@"\n',
    }
    for name, body in scripts.items():
        script = site.tools / name
        script.write_text(f"#!/usr/bin/env bash\n{body}")
        script.chmod(0o755)
    site.shell_env = {
        "PATH": f"{site.tools}:{os.environ['PATH']}",
        "DOCKER_HOST": site.engine.host,
        "COMPOSE_BAKE": "false",
        "COMPOSE_PROJECT_NAME": site.project,
        "HOME": str(site.directory),
        "EDITOR": "editor",
        "OPERATOR_VALUES": json.dumps(operator_values(site)),
    }


def operator_values(site: Site) -> dict[str, Any]:
    """What the operator of this host writes into each file that the page has them edit."""
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
            "updater": _committed("updater") | {"ready": 30},
            "needs": {"disk_gb": 1, "memory_mb": 128},
        },
    }
