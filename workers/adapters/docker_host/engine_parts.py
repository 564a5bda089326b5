"""What the parts of the engine share: the clients, the stack, and the release's files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker

from app.domain.errors import (
    FilesChanged,
    ReleaseNotKept,
    VariableMissing,
)
from app.domain.stack import Stack
from workers.adapters.docker_host.addresses import Addresses
from workers.adapters.docker_host.adoption.adoption import DockerAdoption
from workers.adapters.docker_host.adoption.record import AdoptedFile
from workers.adapters.docker_host.client import (
    AWAY_SECONDS,
    SERVICE_LABEL,
    Docker,
    inspected,
    instance_of,
)
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.release_reader import ReleaseReader
from workers.adapters.docker_host.compose.secret_values import SecretValues, secret_values
from workers.adapters.docker_host.images.release_images import ReleaseImages
from workers.adapters.docker_host.policy import ReleasePolicyCheck
from workers.adapters.docker_host.stored.definitions import ReleaseFiles
from workers.adapters.docker_host.stored.file_store import FileStore
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.adapters.threads import in_file_thread
from workers.definition import variables
from workers.definition.environment import environment_names, marked, marks_in
from workers.definition.files.live_files import why_changed
from workers.definition.labels import RELEASE_LABEL, SHA_LABEL, Model
from workers.definition.services.roles import NAME_LABEL, ROLLOUT_LABEL, role_in
from workers.ports import Definition, Instance, Outsider, Stamp
from workers.ports.mutation import Fence, no_fence

MARKS_KEY = "marks.key"


class HostParts:
    """One Compose project on one Docker host. `releases` is the directory of the releases' definitions.

    Calls wait up to `away` seconds for an unreachable engine. `written`: what the updater writes beside its own data.
    `route`: the route file, by which Traefik's container is found.
    `own_mounts`: those of this process's own container, inside → outside; None if it runs in none.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        compose: Compose,
        stack: Stack,
        releases: Path,
        *,
        away: float = AWAY_SECONDS,
        fence: Fence = no_fence,
        written: Sequence[Path] = (),
        route: Path | None = None,
        own_mounts: Mapping[str, str] | None = None,
    ) -> None:
        self._docker = Docker(client, compose.host, away=away, fence=fence)
        self._compose = compose
        self._stack = stack
        self._files = ReleaseFiles(releases, fence)
        self._images = self._images_of(stack)
        self._addresses = Addresses(self._docker, stack, route)
        policy = ReleasePolicyCheck(self._docker, stack, releases.parent)
        self._store = FileStore(releases.parent / "files", fence)
        self._marks = ValueMarks(releases.parent / MARKS_KEY)
        self._reader = ReleaseReader(
            compose, stack, self._store, policy, marks=self._marks, written=written, own_mounts=own_mounts
        )
        self._adoption = self._adoption_in(AdoptedFile(releases, fence))

    def _images_of(self, stack: Stack) -> ReleaseImages:
        return ReleaseImages(self._docker, self._compose, stack)

    def _adoption_in(self, file: AdoptedFile) -> DockerAdoption:
        return DockerAdoption(self._docker, self._compose, self._stack, file)

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        containers = await self._docker.containers(self._stack.project, f"{SERVICE_LABEL}={service}")
        listed = [*map(instance_of, containers), *await self._adoption.singles(service)]
        found = [await self._known(instance) for instance in listed]
        return [instance for instance in found if rollout in {None, instance.rollout}]

    async def named(self, name: str) -> list[Instance]:
        labeled = map(instance_of, await self._docker.containers(self._stack.project, f"{NAME_LABEL}={name}"))
        return [await self._known(each) for each in labeled if role_in(each.labels).is_uncolored(name)]

    async def outside(self, service: str) -> list[Outsider]:
        return await self._adoption.outside(service)

    async def inspect(self, instance: str) -> Instance:
        return await self._known(await inspected(self._docker, instance))

    async def _known(self, instance: Instance) -> Instance:
        """The instance with what only this worker knows: whether it was adopted, and where it is reached."""
        return await self._addresses.choose(await self._adoption.mark(instance))

    async def _values(self, model: Mapping[str, Any], services: Sequence[str]) -> dict[str, str]:
        """The values of the secrets and configs that `services` take from the environment, as `model` was made with.

        Raises VariableMissing if one is not set any more, FilesChanged if it has another value now.
        """
        found = await self._secret_values(model, services)
        if found.unset:
            raise VariableMissing(variables.refusal(found.unset, self._stack.directory, self._stack.env_files))
        if changed := await self._other_than(model, found.values):
            raise FilesChanged(why_changed(changed))
        return found.values

    async def _changed_values(self, model: Mapping[str, Any], services: Sequence[str]) -> list[str]:
        """The variables of such secrets and configs whose values are not those that `model` was made with."""
        return await self._other_than(model, (await self._secret_values(model, services)).values)

    async def _other_than(self, model: Mapping[str, Any], values: Mapping[str, str]) -> list[str]:
        known, now = marks_in(model), await in_file_thread(self._marks.of, values)
        return [f"the value of {name}" for name, mark in now.items() if known.get(name, mark) != mark]

    async def _with_todays_marks(
        self, model: Mapping[str, Any], services: Sequence[str], stack: Stack
    ) -> dict[str, Any]:
        """`model` with marks of the values that `services` will start with. One that is not set keeps its mark."""
        model = await in_file_thread(self._reader.of(stack).with_live_files, dict(model))
        found = await self._secret_values(model, services)
        unset = {each.name for each in found.unset}
        marks = await in_file_thread(self._marks.of, {k: v for k, v in found.values.items() if k not in unset})
        return marked(model, marks)

    async def _secret_values(self, model: Mapping[str, Any], services: Sequence[str]) -> SecretValues:
        if not environment_names(model, services):
            return SecretValues({}, [])
        labels = model["services"][services[0]]["labels"]
        stamp = Stamp(labels[RELEASE_LABEL], labels[SHA_LABEL], labels[ROLLOUT_LABEL])
        given = ComposeFiles.below(Path(self._stack.directory), self._stack, stamp)
        return await secret_values(self._compose, self._stack, given, model, services)

    async def _values_for(self, definition: Definition, services: Sequence[str]) -> dict[str, str]:
        return await self._values(await in_file_thread(self._kept, definition.sha), services)

    async def _write(self, stamp: Stamp, model: Model) -> Definition:
        return Definition(await in_file_thread(self._files.write, stamp.sha, model), stamp.sha)

    def _kept(self, sha: str) -> Model:
        kept = self._files.read(sha)
        if kept is None:
            raise ReleaseNotKept(f"the definition of {sha} is gone")
        return kept

    async def _services(self, definition: Definition) -> dict[str, Any]:
        services: dict[str, Any] = (await in_file_thread(self._kept, definition.sha))["services"]
        return services
