"""The updater's own containers, and the successor container that replaces them."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from app.domain.errors import BuildFailed, EngineFailed
from app.domain.stack import Stack, Updater
from app.files import replace_durably
from workers.adapters.disk.one_writer import one_writer
from workers.adapters.docker_host import health_check, prune
from workers.adapters.docker_host.client import (
    SERVICE_LABEL,
    Docker,
    Missing,
    connect,
    instance_of,
)
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.own_services.container import own_container
from workers.adapters.docker_host.stored.definitions import ReleaseFiles, read_model
from workers.adapters.docker_host.survey import mounts_of
from workers.adapters.threads import in_engine_thread
from workers.ports import CheckResult, Instance
from workers.self_update.model import (
    SUCCESSOR,
    Attempt,
    Runs,
    Services,
    Side,
    attempt_in,
    installable,
    own_services,
    successor_model,
)

NEW, OLD, RUN = "new", "old", "run"
ATTEMPT_FILE, CLAIM_FILE = "attempt.json", "claim"
MODE = 0o600
STOP_SECONDS = 60.0
"""How long an instance may take to stop, on top of the time that the next one may need to start."""

ITSELF_SECONDS = 1.0
GONE_SECONDS = 10.0
"""The grace period of a dismissed successor. The worker checks afterwards what the successor left unfinished."""


class OwnContainers:
    """The stack's `updater` services. `directory` holds the record of the last succession."""

    def __init__(self, docker: Docker, compose: Compose, stack: Stack, updater: Updater, directory: Path) -> None:
        self._docker, self._compose, self._stack, self._updater = docker, compose, stack, updater
        self._directory, self._files = directory, ReleaseFiles(directory)

    async def running(self) -> Mapping[str, Runs]:
        """Returns the running services by name; a stopped service is left out."""
        found = {}
        for service in self._updater.services:
            for container in await self._containers(service):
                if container.attrs["State"]["Status"] == "running":
                    found[service] = await self._runs(container)
                    break
        return found

    def defined(self, model: Path) -> Services | None:
        """Returns None if the file is missing."""
        try:
            return own_services(read_model(model), self._updater)
        except EngineFailed:
            return None

    def left(self) -> Path | None:
        """Returns the model from which the last succession left the updater running, whether it failed or not."""
        if (attempt := self.attempt) is None:
            return None
        return self._file(attempt, OLD if attempt.why else NEW)

    async def fetch(self, new: Path) -> None:
        """Pulls the missing images of the new updater. Raises BuildFailed."""
        services = own_services(read_model(new), self._updater)
        names = {name: str(s.get("image", f"{self._stack.project}-{name}")) for name, s in services.items()}
        if missing := [name for name, image in names.items() if await self._docker.image_id(image) is None]:
            await self._compose.pull(new, missing, lambda _: None, self._stack.times.build, always=False)
        for name in missing:  # Compose does not pull the image of a service that has a build
            if await self._docker.image_id(names[name]) is None:
                raise BuildFailed(f"image {names[name]} is missing", service=name)

    async def prepare(self, attempt: Attempt, new: Path, old: Path) -> None:
        """Writes all that the successor needs to disk, the attempt last: from then on the attempt has begun."""
        models = {NEW: installable(read_model(new), self._updater), OLD: installable(read_model(old), self._updater)}
        models[RUN] = successor_model(models[OLD], self._updater, attempt.rollout)
        for name, model in models.items():
            self._files.write(f"{attempt.rollout}/{name}", model)
        (self.directory(attempt) / CLAIM_FILE).unlink(missing_ok=True)
        self.record(attempt)
        self._files.prune({attempt.rollout})

    async def send(self, attempt: Attempt) -> None:
        """Starts the successor unless it runs already. Raises StartFailed, EngineFailed."""
        await self._docker.ready()
        await self._compose.up(self._file(attempt, RUN), [SUCCESSOR], self._stack.times.start + STOP_SECONDS)

    async def dismiss(self) -> bool:
        """Stops and removes the successor. Returns whether there was one."""
        containers = await self._containers(SUCCESSOR)
        for container in containers:
            await self._docker.stop(str(container.id), GONE_SECONDS)
            await prune.remove(self._docker, str(container.id), volumes=True)
        return bool(containers)

    async def stop_itself(self) -> None:
        """Stops this process's own container, if it has one: the engine does not restart a stopped container."""
        if (own := await own_container(self._docker)) is not None:
            await self._docker.stop(str(own.id), ITSELF_SECONDS)

    async def put(self, attempt: Attempt, service: str, *, new: bool) -> None:
        """Runs the service as the new or the old updater. Changes nothing if it already runs that way.

        Raises StartFailed, EngineFailed.
        """
        await self._docker.ready()
        limit = self._stack.times.start + STOP_SECONDS
        await self._compose.up(self._file(attempt, NEW if new else OLD), [service], limit)

    async def stop(self, service: str) -> None:
        """Stops the service. The engine does not restart it."""
        for container in await self._containers(service):
            grace = float(container.attrs["Config"].get("StopTimeout") or GONE_SECONDS)
            await self._docker.stop(str(container.id), grace)

    async def instance(self, service: str) -> Instance | None:
        """Returns None unless there is exactly one container."""
        containers = await self._containers(service)
        return instance_of(containers[0]) if len(containers) == 1 else None

    async def check(self, instance: str, limit: float) -> CheckResult:
        """Runs the container's own health check once: see workers.ports.Engine."""
        return await health_check.check(self._docker, instance, limit)

    @property
    def attempt(self) -> Attempt | None:
        """The last attempt; None if there was none."""
        try:
            return attempt_in((self._directory / ATTEMPT_FILE).read_bytes())
        except OSError:
            return None

    def record(self, attempt: Attempt) -> None:
        content = json.dumps(asdict(attempt)).encode()
        try:
            replace_durably(self._directory / ATTEMPT_FILE, content, staging=self._directory, mode=MODE)
        except OSError as error:
            raise EngineFailed(f"{self._directory / ATTEMPT_FILE} could not be written ({error})") from error

    def claims(self, attempt: Attempt, side: Side) -> bool:
        """Returns whether `side` may stop the other one during `attempt`. Only the first side that asks may.

        Raises EngineFailed if the claim cannot be written.
        """
        path = self.directory(attempt) / CLAIM_FILE
        try:
            with one_writer(path.parent):
                if (first := self.claimed(attempt)) is None:
                    replace_durably(path, side.encode(), staging=path.parent, mode=MODE)
                return first in {None, side}
        except OSError as error:
            raise EngineFailed(f"{path} could not be written ({error})") from error

    def claimed(self, attempt: Attempt) -> Side | None:
        """Returns the side that has the claim on `attempt`; None if neither has asked. Raises EngineFailed."""
        path = self.directory(attempt) / CLAIM_FILE
        try:
            return Side(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise EngineFailed(f"{path} could not be read ({error})") from error

    def directory(self, attempt: Attempt) -> Path:
        """The directory of the attempt's files, which are kept until the next attempt begins."""
        return self._directory / attempt.rollout

    def _file(self, attempt: Attempt, name: str) -> Path:
        return self._files.path(f"{attempt.rollout}/{name}")

    async def _containers(self, service: str) -> list[Container]:
        return await self._docker.containers(self._stack.project, f"{SERVICE_LABEL}={service}")

    async def _runs(self, container: Container) -> Runs:
        config = container.attrs["Config"]
        try:
            image = (await self._docker.call(lambda c: c.images.get(container.attrs["Image"]))).attrs
        except Missing:
            image = {}
        return Runs(
            image=config["Image"],
            environment=_pairs(config),
            inherited=_pairs(image.get("Config") or {}),
            command=tuple(config.get("Cmd") or ()),
            mounts=mounts_of(container.attrs),
        )


@contextlib.asynccontextmanager
async def own_containers(
    stack: Stack, updater: Updater, *, host: str | None, compose: str | None, data_dir: Path
) -> AsyncIterator[OwnContainers]:
    """Opens a separate connection to the engine at `host`. Raises EngineFailed."""
    client = await in_engine_thread(connect, host)
    try:
        command = Compose(find_compose(compose), stack.project, host)
        yield OwnContainers(Docker(client, host), command, stack, updater, data_dir / "succession")
    finally:
        client.close()


def _pairs(config: Mapping[str, Any]) -> dict[str, str]:
    split = (entry.partition("=") for entry in config.get("Env") or ())
    return {name: value for name, _, value in split}
