"""The updater's own services: how they run, how the live release has them, and the container that replaces them."""

import json
from pathlib import Path
from typing import Any

from app.domain.errors import EngineFailed
from app.domain.stack import Updater
from workers.adapters.compose import Compose
from workers.adapters.docker_client import SERVICE_LABEL, Docker
from workers.adapters.releases import ReleaseFiles
from workers.succession import Hashes, Outcome
from workers.succession_model import SUCCESSOR, Model, successor_model

HASH_LABEL = "com.docker.compose.config-hash"
NEW, OLD, RUN = "new", "old", "successor"
OUTCOME_FILE = "outcome.json"


class OwnContainers:
    """The services `updater` of the Compose project `project`; its own files are in `directory`."""

    def __init__(self, docker: Docker, compose: Compose, project: str, updater: Updater, directory: Path) -> None:
        self._docker, self._compose, self._project, self._updater = docker, compose, project, updater
        self._files = ReleaseFiles(directory)
        self._outcome = directory / OUTCOME_FILE

    async def running(self) -> Hashes:
        """What each of the updater's services was created from; a service that does not run is not in it."""
        found: dict[str, str] = {}
        for service in self._updater.services:
            containers = await self._docker.containers(self._project, f"{SERVICE_LABEL}={service}")
            up = (c for c in containers if c.attrs["State"]["Status"] == "running")
            if newest := next(up, None):
                found[service] = newest.labels.get(HASH_LABEL, "")
        return found

    async def healthy(self) -> bool:
        """Whether each of the updater's services runs and its own check says so."""
        for service in self._updater.services:
            containers = await self._docker.containers(self._project, f"{SERVICE_LABEL}={service}")
            states = [c.attrs["State"] for c in containers]
            if [(s.get("Health") or {}).get("Status") for s in states if s["Status"] == "running"] != ["healthy"]:
                return False
        return True

    async def wanted(self, model: Path) -> Hashes:
        """What each of the updater's services would be created from by `model`."""
        found = await self._compose.hashes(model)
        return {service: found[service] for service in self._updater.services if service in found}

    async def install(self, model: Path, limit: float) -> None:
        """Has the updater's services run as `model` says, the worker last. Raises StartFailed, EngineFailed."""
        for service in self._updater.services:
            await self._compose.up(model, service, limit)

    async def begin(self, sha: str, new: Path, old: Path, limit: float) -> None:
        """Starts the container that replaces this worker. Raises BuildFailed where its image is not to be had."""
        model = _read(new)
        await self._compose.pull(new, self._updater.services, lambda _: None, limit)
        self._files.write(NEW, model)
        self._files.write(OLD, _read(old))
        one_shot = successor_model(model, self._updater, sha, self.file(NEW), self.file(OLD))
        await self._compose.up(self._files.write(RUN, one_shot), SUCCESSOR, limit)

    def file(self, name: str) -> Path:
        return self._files.path(name)

    @property
    def outcome(self) -> Outcome | None:
        """Of the last succession; None where there was none, or it was not recorded."""
        try:
            return Outcome(**json.loads(self._outcome.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def record(self, outcome: Outcome) -> None:
        staged = self._outcome.with_suffix(".new")
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(json.dumps(outcome.__dict__), "utf-8")
        staged.replace(self._outcome)


def _read(file: Path) -> Model:
    try:
        model: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineFailed(f"{file} cannot be read ({type(error).__name__})") from error
    return model
