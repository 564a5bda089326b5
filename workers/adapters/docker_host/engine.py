"""The engine of one Docker host."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from workers.adapters.docker_host import prune, survey
from workers.adapters.docker_host.engine_containers import DockerContainers
from workers.adapters.docker_host.engine_definitions import DockerDefinitions
from workers.adapters.docker_host.images.registries import refusals
from workers.adapters.docker_host.stored.definitions import CURRENT
from workers.adapters.threads import in_file_thread
from workers.definition.services.retired import left_out
from workers.definition.services.roles import roles_in
from workers.ports import Cluster, Instance, Survey


class DockerEngine(DockerDefinitions, DockerContainers):
    """One Compose project on one Docker host: the port `Engine`."""

    async def ready(self) -> None:
        await self._docker.ready()

    @property
    def times_away(self) -> int:
        return self._docker.times_away + self._compose.times_cut_off

    async def survey(self) -> Survey:
        seen = await survey.survey(self._docker, self._compose, self._stack, self._marks)
        published = await in_file_thread(self._files.read, CURRENT)
        counted = await self._adoption.counted()
        containers = tuple(replace(c, counts_as=counted.get(c.name)) for c in seen.containers)
        return replace(seen, containers=containers, retired=left_out(published, self._stack))

    async def cluster(self) -> Cluster | None:
        return None

    async def refused_images(self) -> Mapping[str, str]:
        model = await in_file_thread(self._files.read, CURRENT) or await self._compose.by_hand(self._stack.directory)
        moved = {**self._stack.moved_services(), **self._stack.written_services()}
        return await refusals(self._docker, model or {}, moved)

    async def prune(self, keep: Collection[str]) -> int:
        await prune.prune_uncolored(self._stack, keep, self.find, self._discard)
        models, stays = await in_file_thread(self._files.models), {*self._stack.moved_services()} - {*self._stack.jobs}
        left = {service for model in models for service in roles_in(model)} - stays
        await prune.prune_left(left, keep, self.find, self._discard)
        live = await in_file_thread(self._files.read, CURRENT)
        named = {service.get("image", "") for service in (live or {}).get("services", {}).values()}
        freed = await prune.prune_images(self._docker, self._stack, keep, named)
        await prune.forget_pulled(self._docker, await in_file_thread(self._files.pulled, keep))
        await self.forget(keep)
        return freed + await prune.prune_build_cache(self._docker, self._stack)

    async def _discard(self, instance: Instance, volumes: bool) -> None:
        await prune.remove(self._docker, instance.id, volumes=volumes)

    async def forget(self, keep: Collection[str]) -> None:
        await in_file_thread(self._files.prune, set(keep))
        self._adoption.pruned()
        containers = await self._docker.containers(self._stack.project)
        used = [mount.get("Source", "") for container in containers for mount in container.attrs.get("Mounts") or ()]
        await in_file_thread(lambda: self._store.prune([*used, *self._files.mounted()]))
