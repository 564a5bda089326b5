"""Starts the stack of the old sidecar on a host, and removes everything at the end."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml

from deploy.demo.docker.engine import Engine, Say, connected
from deploy.demo.docker.projects import take_down
from deploy.demo.github.control import GitHubServer, github_server
from deploy.demo.github.delivery import REPOSITORY
from deploy.demo.processes import ROOT
from deploy.demo.repository import DemoRepository
from tests.acceptance.host.gateway import end_gateway, start_gateway
from tests.acceptance.host.images import pinned_images
from tests.acceptance.host.shell import BLOCK_SECONDS, UPDATER_IMAGE, write_tools
from tests.acceptance.host.turn import turn
from tests.acceptance.takeover.host import FIRST, PORTS, TRAEFIK, Host
from tests.acceptance.takeover.old_stack import STACK

BESIDE = ROOT / "deploy" / "beside.yml"


@contextlib.contextmanager
def old_stack(directory: Path, engine: Engine, images: tuple[str, str], say: Say) -> Iterator[Host]:
    """Runs the old sidecar's stack at FIRST: healthy, both colors up, blue routed. Only one host runs at a time."""
    with (
        turn(),
        connected(engine.host, BLOCK_SECONDS) as client,
        github_server(directory / "github.log") as github,
        contextlib.ExitStack() as stack,
    ):
        _names_are_free(client)
        host = _host(directory, engine, images, client, github)
        stack.callback(_remove_image, client, UPDATER_IMAGE)
        client.images.get(images[1]).tag(_traefik_of(host))
        stack.callback(_remove_image, client, _traefik_of(host))
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
    """Skips the test if a fixed container name of this stack is in use: that stack belongs to the user."""
    services = yaml.safe_load((STACK / "docker-compose.yml").read_text())["services"].values()
    names = {service["container_name"] for service in services}
    taken = names & {c.name for c in client.containers.list(all=True, ignore_removed=True)}
    if taken:
        pytest.skip(f"this engine has {', '.join(sorted(taken))} already: UPDATER_TEST_OWN_ENGINE=1 starts another one")


def _pinned() -> set[str]:
    services = yaml.safe_load(BESIDE.read_text())["services"].values()
    return {s["image"] for s in services if not s["image"].startswith("zetherion-updater:")}


def _traefik_of(host: Host) -> str:
    """A name of Docker Hub's image, as the first user has it: `init` refuses others, which may hide a configuration."""
    return f"traefik:{host.project}"


def _remove_image(client: docker.DockerClient, name: str) -> None:
    with contextlib.suppress(docker.errors.APIError):
        client.images.remove(name)


def _operator_env(host: Host) -> dict[str, str]:
    base, _ = host.images
    return {
        "BASE_IMAGE": base,
        "TRAEFIK_IMAGE": _traefik_of(host),
        "DOCKER_SOCKET_PATH": host.engine.host.removeprefix("unix://"),
        "AUTO_UPDATE_REPO": REPOSITORY,
        "DISCORD_TOKEN": "canary-discord-9d1c77",
    }
