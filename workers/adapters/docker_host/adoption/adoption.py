"""Records, keeps and restarts the containers of an adopted release. Never creates one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.errors import ComposeInvalid
from app.domain.stack import Color, Stack
from workers.adapters.docker_host import restarts
from workers.adapters.docker_host.adoption.model import adopted_model, images_as_found, kept_images, recreatable
from workers.adapters.docker_host.adoption.outside import outsiders
from workers.adapters.docker_host.adoption.record import Adopted, AdoptedFile
from workers.adapters.docker_host.client import REMOVED, SERVICE_LABEL, Docker, inspected, instance_of
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.prune import Find
from workers.adapters.threads import in_file_thread
from workers.definition.labels import Model, image_name
from workers.ports import Instance, Outsider, Stamp


class DockerAdoption:
    """The part of `DockerEngine` for an adopted release. `file` is the release's record."""

    def __init__(self, docker: Docker, compose: Compose, stack: Stack, file: AdoptedFile) -> None:
        self._docker, self._compose, self._stack, self._file = docker, compose, stack, file

    async def live_model(self) -> Model:
        """Returns the live directory's own Compose model. Raises ComposeInvalid."""
        return (await self._compose.resolve(self._given)).model

    async def outside(self, service: str) -> list[Outsider]:
        """Returns what runs `service` outside the project. Raises EngineFailed."""
        try:
            model = await self.live_model()
        except ComposeInvalid:
            model = {}  # the adoption reports it
        listed: list[Mapping[str, Any]] = await self._docker.call(lambda c: c.api.containers(all=True))
        return outsiders(listed, model, self._stack, service)

    async def singles(self, service: str) -> list[Instance]:
        """Returns the containers of the service that `service`, the blue color, is made from. Raises EngineFailed.

        Only those that count as it: the adopted ones, or, if no color of it runs and none is adopted, the running ones.
        The adopted ones also if the stack file names another service since. None that a rollout made: it was a
        singleton or a follower.
        """
        made_from = next((name for name, color in self._stack.singles().items() if color == service), None)
        adopted = await in_file_thread(self._file.get)
        if made_from is None:
            ids = adopted.of(service) if adopted else []
            return [i for i in await self._containers() if i.id in ids and i.service != service] if ids else []
        found = await self._containers(made_from)
        if not found:
            return []
        if kept := [i for i in found if adopted and i.id in adopted.containers]:
            return kept
        colors = next(s.colors for s in self._stack.routed if s.made_from == made_from)
        of_colors = [i for color in colors.values() for i in await self._containers(color)]
        if any(not i.gone for i in of_colors):
            return []
        return [replace(i, service=service, single=True) for i in found if not i.gone and i.rollout is None]

    async def counted(self) -> dict[str, str]:
        """The names of the single containers, each with the color that it counts as. Raises EngineFailed."""
        adopted = await in_file_thread(self._file.get)
        colors = {*self._stack.singles().values(), *(adopted.containers.values() if adopted else ())}
        return {i.host: color for color in sorted(colors) for i in await self.singles(color) if i.host}

    async def _containers(self, service: str | None = None) -> list[Instance]:
        """The containers of the service, or of the whole project."""
        labels = [SERVICE_LABEL if service is None else f"{SERVICE_LABEL}={service}"]
        found = await self._docker.containers(self._stack.project, *labels)
        return [instance_of(container) for container in found]

    async def _inspected(self, container: str) -> Instance:
        return await inspected(self._docker, container)

    async def definition(self, model: Model, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> Model:
        """Names the release's images and returns the model that recreates it. Raises ComposeInvalid, EngineFailed."""
        images = {i.service: str(i.image) for i in instances}
        wanted = kept_images(model, self._stack, stamp, color, images)
        kept = {name: image for name, image in wanted.items() if await self._docker.image_id(image)}
        named = {s: name for s in self._stack.moved_services() if (name := self._name(s, stamp)) in kept}
        result = adopted_model(model, self._stack, stamp, named)
        await self._name_images(kept)
        return result

    async def record(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        """Records `instances` as the release of `stamp`. Returns the services that differ from the model."""
        hashes = await self._compose.hashes(self._given)
        same = recreatable(hashes, self._stack, color, instances)
        for instance in instances:
            await restarts.hold(self._docker, instance.id)
        containers = {i.id: i.service for i in instances}
        await in_file_thread(self._file.put, Adopted(stamp, containers, same))
        return sorted(set(containers.values()) - same)

    async def recall(self, stamp: Stamp) -> None:
        """Assigns the adopted release to the rollout of `stamp`, if both have the same commit."""
        if adopted := await self.of(stamp.sha):
            await in_file_thread(self._file.put, replace(adopted, stamp=stamp))

    async def of(self, sha: str) -> Adopted | None:
        adopted = await in_file_thread(self._file.get)
        return adopted if adopted and adopted.stamp.sha == sha else None

    async def mark(self, instance: Instance) -> Instance:
        """Returns `instance` with the labels that it would have if the updater had created its container."""
        adopted = await in_file_thread(self._file.get)
        return adopted.mark(instance) if adopted else instance

    async def keeps(self, container: str) -> bool:
        adopted = await in_file_thread(self._file.get)
        return adopted is not None and container in adopted.containers

    async def existing(self, sha: str, service: str, *, rollout: str | None = None) -> list[Instance]:
        """Returns the containers of a service of the adopted release `sha`; none unless all of them still exist.

        With `rollout`, only if that rollout recalled the release: a rollout that rebuilds the commit does not use them.
        """
        adopted = await self.of(sha)
        if adopted and rollout not in {None, adopted.stamp.rollout}:
            return []
        found = [await self._inspected(container) for container in (adopted.of(service) if adopted else ())]
        return [] if any(instance.state == REMOVED for instance in found) else found

    async def as_found(self, model: Model, sha: str, find: Find) -> list[str]:
        """The services of the adopted release `sha` of which only adopted containers exist, if `model` is of it.

        Not one whose image's name leads to another image since: Compose would create the containers again by that.
        """
        found: list[str] = []
        for service, image in images_as_found(model).items():
            instances = [i for i in await find(service) if not i.gone or i.adopted]
            known = {i.image for i in instances if i.adopted and i.sha == sha and not i.single}
            if instances and {i.image for i in instances} == known == {await self._docker.image_id(image)}:
                found.append(service)
        return found

    async def lost(self, sha: str, services: Sequence[str]) -> list[str]:
        """Lists the services of an adopted release whose containers are gone and cannot be recreated identically."""
        adopted = await self.of(sha)
        unlike = [s for s in services if adopted and s not in adopted.recreatable]
        gone = [service for service in unlike if not await self.existing(sha, service)]
        return [f"the container of {service} ({self._why_lost(adopted, service)})" for service in gone if adopted]

    def _why_lost(self, adopted: Adopted, service: str) -> str:
        if service in self._stack.uncolored and not adopted.of(service):
            return "it had none when the stack was adopted"
        return f"{', '.join(self._stack.compose_files)} changed since it started"

    def pruned(self) -> None:
        """Drops the cached record after releases' directories were removed."""
        self._file.forget()

    @property
    def _given(self) -> ComposeFiles:
        return ComposeFiles.below(Path(self._stack.directory), self._stack)

    def _name(self, service: str, stamp: Stamp) -> str:
        return image_name(self._stack.project, service, stamp.sha)

    async def _name_images(self, names: Mapping[str, str]) -> None:
        for name, image in names.items():
            await self._docker.tag(image, name)
