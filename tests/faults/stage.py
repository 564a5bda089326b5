"""An environment whose parts can be killed, stopped, suspended and restarted, with numbered releases."""

import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import redis
import yaml

from deploy.demo.client_access import TIMES, ClientAccess, hosts_of_stack
from deploy.demo.clients import plain_client
from deploy.demo.docker.dockerd import Dockerd
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.docker.mounts import unmount_below
from deploy.demo.environment import WEBHOOK_SECRET, Environment, checked_every, environment
from deploy.demo.github.delivery import release_event, signed_headers
from deploy.demo.processes import end_group
from tests.faults.releases.own_files import WithOwnFiles
from tests.integration.redis.redis_servers import OwnRedis, own_redis

SHORT = {**TIMES, "bake": 1, "drain": 0.5, "health": 18, "route": 20, "ready": 18}
"""Several environments share two cores, so healthy services need this time; an unhealthy one costs as much."""

HEALTH_INTERVAL = "30s"
"""Interval of the containers' own checks. Each run starts a process in a container, which costs as much CPU time as ten
requests of the load; the worker does not wait for the next one, it runs a singleton's check itself."""

_slow_checks = checked_every(HEALTH_INTERVAL)

GRACE_SECONDS, POLL_SECONDS = 20.0, 0.005
NAMESPACE = "zetherion-updater"

Json = dict[str, Any]
Prepare = Callable[[Environment], None]


@dataclass
class Stage:
    """The environment, its Redis, and the processes that were started beside them.

    `patience`: the factor by which the stack may converge more slowly than on a quiet machine.
    """

    home: Environment
    redis_server: OwnRedis
    redis_directory: Path
    dockerd: Dockerd | None = None
    beside: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    patience: float = 1.0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def journal_file(self) -> Path:
        return Path(self.home.env["UPDATER_STATE_PATH"])

    @property
    def worker(self) -> "subprocess.Popen[bytes]":
        return self.home.processes["worker"]

    @property
    def redis_pid(self) -> int:
        with redis.Redis.from_url(self.redis_server.url, socket_timeout=60) as client:
            return int(client.info("server")["process_id"])

    def journal(self) -> Json:
        """The state file on disk; empty if it is missing or damaged."""
        try:
            state: Json = json.loads(self.journal_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return state

    def next_tag(self) -> str:
        """Returns a tag that is newer than all before."""
        return f"v1.{next(self._numbers)}.0"

    def kill(self, name: str = "worker") -> None:
        """Kills the process as the kernel's out-of-memory killer does; its child processes live on."""
        process = self.home.processes[name]
        process.kill()
        process.wait()

    def restart(self, name: str = "worker") -> None:
        self.kill(name)
        self.home.start(name)

    def terminate(self, name: str = "worker") -> float | None:
        """Sends SIGTERM as a service manager does; returns the exit code, or None after GRACE_SECONDS."""
        process = self.home.processes[name]
        process.terminate()
        try:
            return process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def freeze(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)

    def thaw(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)

    def second_worker(self) -> "subprocess.Popen[bytes]":
        """Starts another worker beside the first, and returns the first."""
        first = self.worker
        self.beside.append(first)
        self.home.start("worker")
        return first

    def configure(self, **change: Any) -> None:
        """Changes the stack file and restarts the worker to read it; `times` are merged."""
        file = self.home.directory / "stack.yml"
        stack = yaml.safe_load(file.read_text())
        times = {**stack["times"], **change.pop("times", {})}
        file.write_text(yaml.safe_dump({**stack, **change, "times": times}, sort_keys=False))
        self.terminate()
        self.home.start("worker")

    async def deliver(self, tag: str, release_id: int, delivery: str | None = None) -> httpx.Response:
        """Sends a signed delivery and returns the answer. GitHub lists what was accepted: else it is withdrawn."""
        body = release_event(tag, release_id)
        headers = signed_headers(body, WEBHOOK_SECRET, delivery=delivery)
        async with plain_client(timeout=10) as client:
            answer = await client.post(f"{self.home.public_url}/webhooks/github", content=body, headers=headers)
        if answer.status_code == httpx.codes.ACCEPTED and (sha := self.home.shas.get(tag)):
            await asyncio.to_thread(self.home.github.publish, tag, sha, number=release_id)
        return answer

    def process_of(self, service: str) -> int:
        """The PID on this machine of the running container of `service`."""
        (container,) = self.home.containers(service, running_only=True)
        pid: int = container["State"]["Pid"]
        return pid

    def docker(self, service: str, action: str) -> None:
        """Runs `stop`, `start`, `restart` or `kill` on the one container of `service`, as an operator would."""
        (container,) = self.home.containers(service)
        with connected(self.home.engine.host) as client:
            getattr(client.containers.get(container["Id"]), action)()


@contextlib.contextmanager
def stage(
    engine: Engine,
    *,
    dockerd: Dockerd | None = None,
    times: Mapping[str, float] = SHORT,
    access: Mapping[str, ClientAccess] | None = None,
    prepare: Prepare = lambda _: None,
) -> Iterator[Stage]:
    """Starts everything, with no live release; stops everything at the end. `access`: as for `environment`."""
    base, traefik = ensure_base(engine.host, print), ensure_traefik(engine.host, print)
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zu-faults-")))
        (directory / "redis").mkdir()
        stack.callback(unmount_below, directory)
        server = stack.enter_context(own_redis(directory / "redis"))
        home = stack.enter_context(
            environment(
                directory / "environment",
                engine,
                base=base,
                traefik=traefik,
                times=times,
                redis_url=server.url,
                access=access,
                repository=WithOwnFiles,
                prepare=lambda home: _prepare(home, prepare),
            )
        )
        built = Stage(home, server, directory / "redis", dockerd)
        stack.callback(_end_beside, built)
        yield built


@contextlib.contextmanager
def neighbor(of: Stage, name: str) -> Iterator[Environment]:
    """A second stack behind the Traefik of `of`, in its network; clients ask it for hosts below `name`.example."""
    engine = of.home.engine
    base, traefik = ensure_base(engine.host, print), ensure_traefik(engine.host, print)
    with tempfile.TemporaryDirectory(prefix="zu-faults-") as directory:
        place = Path(directory) / name
        shared: Any = {"base": base, "traefik": traefik, "access": hosts_of_stack(name), "behind": of.home}
        options: Any = {"times": SHORT, "repository": WithOwnFiles, "prepare": _slow_checks}
        with environment(place, engine, **shared, **options) as home:
            yield home


def freeze_between_writes(pid: int, directory: Path) -> None:
    """Suspends a worker that does not write in `directory` at that moment: its lock would keep others out."""
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + GRACE_SECONDS
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {pid} was not suspended within {GRACE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
    finally:
        os.close(lock)


def _prepare(home: Environment, more: Prepare) -> None:
    _slow_checks(home)
    more(home)


def _end_beside(built: Stage) -> None:
    for process in built.beside:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        end_group(process)
