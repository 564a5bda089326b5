"""The adoption of services that `docker stack deploy` started. They stay as they are, and are the release's copies."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from app.domain.errors import ComposeInvalid
from app.domain.stack import Color, Stack
from workers.adapters.docker_host.adoption.adoption import DockerAdoption
from workers.adapters.docker_host.adoption.model import adopted_model, images_kept
from workers.adapters.docker_host.adoption.outside import outsiders
from workers.adapters.docker_host.adoption.record import Adopted, AdoptedFile
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.prune import Find
from workers.adapters.swarm.manager import Manager
from workers.adapters.swarm.slots import labels_of
from workers.adapters.threads import in_file_thread
from workers.definition.labels import Model
from workers.definition.swarm.spec import NAMESPACE_LABEL
from workers.ports import Instance, Outsider, Stamp

TASK_OF_LABEL = "com.docker.swarm.service.id"
"""The engine's label of a task's container: its Swarm service."""

Listed = Callable[[str | None], Awaitable[list[Instance]]]
"""The instances of a Compose service, or of the whole stack, as the swarm has them."""

Look = Callable[[str], Awaitable[Instance]]
"""One instance, as the swarm has it."""


class SwarmAdoption(DockerAdoption):
    """The part of `SwarmEngine` for an adopted release. `listed` and `look` know nothing of the record."""

    def __init__(
        self, docker: Docker, compose: Compose, stack: Stack, file: AdoptedFile, *, listed: Listed, look: Look
    ) -> None:
        super().__init__(docker, compose, stack, file)
        self._listed, self._look = listed, look

    async def outside(self, service: str) -> list[Outsider]:
        """What runs `service` outside the swarm: containers of this manager's node alone, also of the same project."""
        try:
            model = await self.live_model()
        except ComposeInvalid:
            model = {}  # the adoption reports it
        listed: list[Mapping[str, Any]] = await self._docker.call(lambda c: c.api.containers(all=True))
        ours = {
            each["ID"]
            for each in await Manager(self._docker).services()
            if labels_of(each).get(NAMESPACE_LABEL) == self._stack.project
        }
        others = [each for each in listed if (each.get("Labels") or {}).get(TASK_OF_LABEL) not in ours]
        return outsiders(others, model, self._stack, service, of_the_engine=False)

    async def _containers(self, service: str | None = None) -> list[Instance]:
        return await self._listed(service)

    async def _inspected(self, instance: str) -> Instance:
        return await self._look(instance)

    async def definition(self, model: Model, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> Model:
        """The model with the images that run, by the names that the swarm has for them."""
        images = images_kept(model, self._stack, color, {i.service: str(i.image) for i in instances})
        named = {service: images[service] for service in self._stack.moved_services() if service in images}
        result = adopted_model(model, self._stack, stamp, named)
        for service in named:
            result["services"][service].pop("pull_policy")  # every node pulls it from its registry
        return result

    async def record(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:  # noqa: ARG002 - as on one host
        """Records `instances` as the release of `stamp`. None of them is ever created again."""
        await in_file_thread(self._file.put, Adopted(stamp, {i.id: i.service for i in instances}))
        return []

    async def as_found(self, model: Model, sha: str, find: Find) -> list[str]:  # noqa: ARG002 - as on one host
        """None: nothing in a swarm is created from the published file."""
        return []

    async def stay_stopped(self, container: str) -> None:
        """A Swarm service without copies stays so."""

    def _why_lost(self, adopted: Adopted, service: str) -> str:  # noqa: ARG002 - as on one host
        return "its Swarm service was removed"
