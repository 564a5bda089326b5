"""A project on the real engine with two small containers in place of the updater's; its successor is a process."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import docker
import yaml
from docker.models.containers import Container

from app.domain.stack import Updater
from deploy.demo.docker.engine import connected
from deploy.demo.docker.projects import take_down
from deploy.demo.processes import ROOT
from tests.examples import a_stack
from workers.adapters.docker_host.own_services.containers import OwnContainers, own_containers
from workers.self_update.model import Attempt, Model

UPDATER = Updater("web", "worker", ready=10)
LIMIT = 300.0
LOOK_SECONDS = 0.001
"""The interval of the search for an event at which to kill: the next event follows some milliseconds later."""

Seen = list[str]


@dataclass
class OwnProject:
    """`own` is the worker's adapter; `directory` has the stack file, the models and the data directory."""

    directory: Path
    project: str
    host: str
    client: docker.DockerClient
    base: str
    own: OwnContainers

    @property
    def journal(self) -> Path:
        return self.directory / "data" / "updater-state.json"

    def model(self, version: str, *, unwell: str = "") -> Path:
        """The Compose file of a release whose updater is `version`; its service `unwell` never becomes healthy.

        The engine's own checks start only after the end of the test.
        """
        services = {
            name: {
                "image": self.base,
                "command": ["python3", "-m", "http.server"],
                "environment": {"VERSION": version, "PRICE": "costs $$5"},
                "init": True,
                "restart": "unless-stopped",
                "stop_grace_period": "3s",
                "healthcheck": {"test": ["CMD", "false" if name == unwell else "true"], "interval": "1h"},
                "networks": {"default": None},
            }
            for name in UPDATER.services
        }
        networks = {"default": {"name": f"{self.project}_net"}}
        model: Model = {"name": self.project, "services": services, "networks": networks}
        path = self.directory / f"{version}.json"
        path.write_text(json.dumps(model))
        return path

    def containers(self) -> list[Container]:
        filters: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={self.project}"}
        return self.client.containers.list(all=True, filters=filters, ignore_removed=True)

    def runs(self) -> list[tuple[str, str, str | None]]:
        """The service, version and health of each container; for a container that does not run, its state."""
        return sorted(
            (_service(c), _version(c), c.health if c.status == "running" else c.status) for c in self.containers()
        )

    async def prepare(self, rollout: str, new: Path, old: Path) -> Attempt:
        attempt = Attempt(rollout, "v2.0.0")
        await self.own.prepare(attempt, new, old)
        return attempt

    async def start(self, attempt: Attempt) -> asyncio.subprocess.Process:
        """Starts the successor process with `python -m`."""
        env = {
            **os.environ,
            "DOCKER_HOST": self.host,
            "REDIS_URL": "redis://nowhere",
            "UPDATER_STACK_FILE": str(self.directory / "stack.yml"),
            "UPDATER_DATA_DIR": str(self.directory / "data"),
            "UPDATER_TRAEFIK_DYNAMIC_PATH": "/nowhere",
        }
        words = (sys.executable, "-m", "workers.successor", attempt.rollout)
        return await asyncio.create_subprocess_exec(*words, cwd=ROOT, env=env)

    async def succeed(self, attempt: Attempt, kills: Sequence[tuple[str, int]] = ()) -> tuple[Attempt, list[str]]:
        """Runs the successor to its end, and kills it at each of `kills`: an event, and the number of its occurrence.

        A killed successor is restarted, like by its restart policy. Returns the attempt, and the events of the kills:
        without those from the first on that came too late.
        """
        reached = []
        with self._events() as seen:
            for event, count in kills:
                if not await self._killed_at(await self.start(attempt), seen, event, count):
                    break  # it has ended: another start would do nothing
                reached.append(event)
            process = await self.start(attempt)
            async with asyncio.timeout(LIMIT):
                assert await process.wait() == 0
        ended = self.own.attempt
        assert ended is not None
        return ended, reached

    @staticmethod
    async def _killed_at(process: asyncio.subprocess.Process, seen: Seen, event: str, count: int) -> bool:
        async with asyncio.timeout(LIMIT):
            while process.returncode is None and seen.count(event) < count:  # noqa: ASYNC110 - it is looked at
                await asyncio.sleep(LOOK_SECONDS)
            killed = process.returncode is None
            if killed:
                kill_tree(process.pid)
            await process.wait()
        return killed

    @contextlib.contextmanager
    def _events(self) -> Iterator[Seen]:
        """Collects the engine's events of the project's containers, each as `service action`."""
        label = f"com.docker.compose.project={self.project}"
        stream = self.client.events(decode=True, filters={"label": label, "type": "container"})
        seen: Seen = []

        def read() -> None:
            for event in stream:
                seen.append(f"{event['Actor']['Attributes']['com.docker.compose.service']} {event['Action'].strip()}")

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield seen
        finally:
            stream.close()
            reader.join(LIMIT)


def kill_tree(pid: int) -> None:
    """Kills a process and its child processes, like the engine kills a container. One may end by itself meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        for child in _children(pid):
            kill_tree(child)
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield from map(int, task.read_text().split())


def _service(container: Container) -> str:
    return str(container.labels["com.docker.compose.service"])


def _version(container: Container) -> str:
    environment: list[str] = container.attrs["Config"]["Env"]
    return next(each.partition("=")[2] for each in environment if each.startswith("VERSION="))


@contextlib.asynccontextmanager
async def own_project(directory: Path, host: str, base: str) -> AsyncIterator[OwnProject]:
    """A project in which nothing runs yet; it is removed at the end."""
    project = f"zu-test-{uuid4().hex[:8]}"
    colors = {"blue": "a", "green": "b", "port": 80, "health": "/", "entrypoint": "web"}
    stack = {
        "project": project,
        "repository": "octo/shop",
        "directory": str(directory),
        "traefik": {"entrypoints": {"web": "http://traefik"}},
        "routed": {"skills": colors},
        "updater": {"web": UPDATER.web, "worker": UPDATER.worker, "ready": UPDATER.ready},
    }
    (directory / "stack.yml").write_text(yaml.safe_dump(stack))
    own = own_containers(
        a_stack(project=project, updater=UPDATER), UPDATER, host=host, compose=None, data_dir=directory / "data"
    )
    with connected(host) as client:
        try:
            async with own as containers:
                yield OwnProject(directory, project, host, client, base, containers)
        finally:
            take_down(host, project)
