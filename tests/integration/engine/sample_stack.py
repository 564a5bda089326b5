"""The sample stack on the real engine, as its own project: one routed service and the bot."""

import contextlib
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

import docker
from docker.models.containers import Container

from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color, Forbid, Policy, Stack, Times
from deploy.demo.docker.engine import connected
from deploy.demo.docker.projects import take_down, until_none_is_left
from deploy.demo.repository import CONTENT, SERVICES, DemoRepository, Variant
from tests.examples import a_routed, a_stack
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.ports import Comparison, Definition, Engine, Instance, Stamp

BLUE, GREEN, BOT = "skills-blue", "skills-green", "bot"
MOVED = (BLUE, GREEN, BOT)
PROJECT_LABEL = "com.docker.compose.project"


async def start_one(engine: Engine, definition: Definition, service: str) -> Instance:
    """Starts `service` and returns its one instance."""
    (instance,) = await engine.start(definition, [service])
    return instance


@dataclass
class Sample:
    """The stack below `directory`; `shas` maps the tags of the existing releases to commits."""

    directory: Path
    host: str
    client: docker.DockerClient
    stack: Stack
    repository: DemoRepository
    shas: dict[str, str] = field(default_factory=dict)

    @property
    def engine(self) -> DockerEngine:
        compose = Compose(find_compose(), self.stack.project, self.host)
        return DockerEngine(self.client, compose, self.stack, self.directory / "releases")

    @property
    def containers(self) -> list[Container]:
        """The project's containers, including stopped ones."""
        filters: dict[str, str | list[str] | bool] = {"label": f"{PROJECT_LABEL}={self.stack.project}"}
        return self.client.containers.list(all=True, filters=filters, ignore_removed=True)

    def release(
        self,
        tag: str,
        variant: Variant = Variant.GOOD,
        change: Collection[str] = SERVICES,
        edit: Callable[[Path], None] | None = None,
    ) -> Path:
        """Makes the release `tag` unless it exists; returns its tree."""
        if tag not in self.shas:
            self.shas[tag] = self.repository.release(tag, variant=variant, change=change, edit=edit)
            ignored = shutil.ignore_patterns(".git")
            shutil.copytree(self.repository.path, self.directory / "trees" / self.shas[tag], ignore=ignored)
        return self.directory / "trees" / self.shas[tag]

    def stamp(self, tag: str, rollout: str = "") -> Stamp:
        return Stamp(tag, self.shas[tag], rollout or f"r-{tag}")

    async def define(self, tag: str, rollout: str = "") -> Definition:
        return await self.engine.define(self.release(tag), self.stamp(tag, rollout))

    async def compare(self, tag: str) -> Comparison:
        return await self.engine.compare(self.release(tag), self.stamp(tag), None)

    async def built(self, tag: str, *services: str) -> Definition:
        """Defines the release and builds the images of `services`, or of all that a rollout moves if none is named."""
        definition = await self.define(tag)
        await self.engine.build(definition, services or MOVED, lambda _: None)
        return definition

    def remove_containers(self) -> None:
        until_none_is_left(lambda: [partial(container.remove, force=True, v=True) for container in self.containers])


@contextlib.contextmanager
def sample_stack(directory: Path, host: str, base: str) -> Iterator[Sample]:
    """A sample stack on the base image `base`; everything of the project is removed at the end."""
    live = directory / "live"
    live.mkdir(parents=True)
    shutil.copy(CONTENT / "docker-compose.yml", live)
    (live / ".env").write_text(_env(base))
    stack = a_stack(
        project=f"zu-test-{uuid4().hex[:8]}",
        directory=str(live),
        routed=(
            a_routed("skills", 8080, "/health", ClientRoute("web"), colors={Color.BLUE: BLUE, Color.GREEN: GREEN}),
        ),
        times=Times(build=600, start=300),
        policy=Policy(forbid=frozenset(Forbid)),
    )
    with connected(host) as client:
        sample = Sample(directory, host, client, stack, DemoRepository(directory / "repository"))
        try:
            yield sample
        finally:
            take_down(host, stack.project)


def _env(base: str) -> str:
    """The operator's `.env`; it has values for all services, so that Compose can resolve the file."""
    values = {"DEMO_BASE_IMAGE": base, "DEMO_TRAEFIK_IMAGE": base, "DEMO_ROUTES_DIR": "/nowhere"}
    values |= {f"DEMO_{name}_PORT": "0" for name in ("SKILLS", "API", "GATEWAY")} | {"DEMO_HEALTH_INTERVAL": "1s"}
    return "".join(f"{name}={value}\n" for name, value in (values | {"DEMO_OPERATOR_VALUE": "'costs $5'"}).items())
