"""A stack on this machine that the updater's processes manage, and how GitHub and an operator reach them."""

import asyncio
import contextlib
import itertools
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.demo.clients import Json, plain_client, plain_sync_client
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.github.control import TOKEN, GitHubServer, PublishedRelease
from deploy.demo.github.delivery import REPOSITORY, form_encoded, release_event, signed_headers
from deploy.demo.processes import ROOT, end_group, procfile_commands, started

UP_SECONDS = 180.0
POLL_SECONDS = 0.1
CALL_SECONDS = 120.0
WEBHOOK_SECRET = "demo-webhook-secret"


@dataclass(kw_only=True)
class UpdatedStack:
    """`processes`: by Procfile name. All URLs are on loopback. `shas`: of the releases that GitHub may publish, by tag.

    `repository_name`: the repository at the demo's GitHub, as owner/name.
    """

    directory: Path
    project: str
    engine: Engine
    public_url: str
    internal_url: str
    log_dir: Path
    github: GitHubServer
    repository_name: str = REPOSITORY
    shas: dict[str, str] = field(default_factory=dict)
    published: dict[str, PublishedRelease] = field(default_factory=dict)
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
        return self.directory / "routes" / "dynamic"

    @property
    def route_file(self) -> Path:
        return self.dynamic / f"updater-{self.project}.yml"

    @property
    def secret(self) -> str:
        return (self.directory / "data" / "secret").read_text().strip()

    def make_directories(self) -> None:
        for name in ("live", "routes/dynamic", "data", "redis", "logs"):
            (self.directory / name).mkdir(parents=True)

    def start_all(self) -> None:
        """Starts every process of the Procfile. Raises RuntimeError if the updater does not answer."""
        for name in procfile_commands((ROOT / "Procfile").read_text()):
            self.start(name)
        wait_until_up(self)

    def start(self, name: str) -> None:
        """Starts the Procfile's process `name`, also again after it has ended."""
        command = procfile_commands((ROOT / "Procfile").read_text())[name]
        self.processes[name] = started(command, self.env, self.log_dir / f"{name}.log")

    def end_all(self) -> None:
        for process in reversed(self.processes.values()):
            end_group(process)

    def publish(self, tag: str) -> None:
        """Publishes a release of `tag` on GitHub, without a webhook."""
        self.published[tag] = self.github.publish(tag, self.shas[tag], number=next(self.release_ids))

    def event(self, tag: str) -> bytes:
        """The body of the webhook of the published release of `tag`."""
        release = self.published[tag]
        return release_event(tag, release.id, repository=self.repository_name, published_at=release.published_at)

    async def announce(self, tag: str, *, form: bool = False) -> Json:
        """Publishes a release of `tag` and sends its signed webhook. Returns the receiver's answer (202)."""
        await asyncio.to_thread(self.publish, tag)
        return await self.deliver(tag, form=form)

    async def deliver(self, tag: str, *, form: bool = False) -> Json:
        """Sends the signed webhook of the published release of `tag`, as JSON or as a form. Returns the answer."""
        event = self.event(tag)
        body = form_encoded(event) if form else event
        async with plain_client(timeout=CALL_SECONDS) as client:
            url = f"{self.public_url}/webhooks/github"
            answer = await client.post(url, content=body, headers=signed_headers(body, WEBHOOK_SECRET, form=form))
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

    async def holds(self, tags: set[str], limit: float = 120) -> None:
        """Waits until exactly those releases are held. Raises TimeoutError after `limit` seconds."""
        async with asyncio.timeout(limit):
            while set((await self.get("/status"))["held"]) != tags:
                await asyncio.sleep(POLL_SECONDS)

    def containers(self, *services: str, running_only: bool = False) -> list[Json]:
        """Returns the engine's attributes of the stack's containers, of all services or only `services`."""
        filters: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={self.project}"}
        with connected(self.engine.host) as client:
            found = client.containers.list(all=not running_only, filters=filters, ignore_removed=True)
        return [c for c in (each.attrs for each in found) if not services or _service(c) in services]

    def _operator(self) -> httpx.AsyncClient:
        headers = {"X-Updater-Secret": self.secret}
        return plain_client(base_url=self.internal_url, headers=headers, timeout=CALL_SECONDS)


def _service(container: Mapping[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def updater_variables(home: UpdatedStack, redis_url: str, ports: Mapping[str, int]) -> dict[str, str]:
    """The environment of the updater's processes. `ports`: those of its listeners, `internal` and `public`."""
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


def wait_until_up(home: UpdatedStack) -> None:
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


def logs_of(home: UpdatedStack, lines: int = 30) -> str:
    """Returns the last lines of every log, the worker's first."""
    files = sorted(home.log_dir.glob("*.log"), key=lambda file: (not file.name.startswith("worker"), file.name))
    return "\n".join(f"--- {f.name}\n" + "\n".join(f.read_text().splitlines()[-lines:]) for f in files)
