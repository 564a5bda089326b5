"""A release beside a live directory, which Compose itself reads."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import docker

from app.domain.stack import Stack
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.release_reader import ReadRelease, ReleaseReader
from workers.adapters.docker_host.engine_parts import MARKS_KEY
from workers.adapters.docker_host.policy import ReleasePolicyCheck
from workers.adapters.docker_host.stored.file_store import FileStore
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.ports import Stamp

SHA = "0123456789abcdef" * 2 + "01234567"
BLUE = "api-blue"


@lru_cache
def compose_of(project: str, host: str | None) -> Compose:
    """One for all tests of a process: it asks once whether the program keeps exit codes, which takes a command."""
    return Compose(find_compose(), project, host)


def release_reader(compose: Compose, stack: Stack, tree: Path, client: docker.DockerClient) -> ReleaseReader:
    """Reads the release in `tree`, a directory of trees two levels below the updater's own directory."""
    policy, own = ReleasePolicyCheck(Docker(client, None), stack, tree.parent), tree.parent.parent
    return ReleaseReader(compose, stack, FileStore(own / "files"), policy, marks=ValueMarks(own / MARKS_KEY))


@dataclass
class Bench:
    """A release's worktree beside a live directory. `stack` can be replaced."""

    tree: Path
    live: Path
    stack: Stack
    client: docker.DockerClient
    host: str | None = None

    def put(self, root: Path, name: str, text: str) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    def compose(self, api: dict[str, Any], file: str = "docker-compose.yml", **more: Any) -> None:
        """The release's Compose file: both colors and the bot are the service `api`."""
        services = {name: {"image": "shop", **api} for name in (BLUE, "api-green", "bot")}
        self.put(self.tree, file, json.dumps({"services": services | more.pop("services", {}), **more}))

    async def read(self, published: dict[str, Any] | None = None, *, keep: bool = True) -> ReadRelease:
        reader = release_reader(compose_of("shop", self.host), self.stack, self.tree, self.client)
        read = await reader.read(self.tree, Stamp("v1.1.0", SHA, "r-1"), published)
        if keep and not (read.problems or read.forbidden):
            await reader.keep(read)
        return read

    async def service(self, name: str = BLUE) -> dict[str, Any]:
        found: dict[str, Any] = (await self.read()).model["services"][name]
        return found


def content(path: str) -> str:
    return Path(path).read_text()
