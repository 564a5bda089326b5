"""The engine of a swarm."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from app.domain.errors import BuildFailed
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.images.registries import refusal
from workers.adapters.docker_host.stored.definitions import CURRENT
from workers.adapters.swarm import survey
from workers.adapters.swarm.cluster import largest_packet, machines_of, packet_of
from workers.adapters.swarm.images import Registry, digest_in, unpushed
from workers.adapters.swarm.jobs import SwarmJobs
from workers.adapters.swarm.stored_files import OVERLAY, used_names
from workers.adapters.threads import in_file_thread
from workers.definition.images.service_images import with_images
from workers.definition.labels import DEFINITION_LABEL
from workers.definition.services.retired import left_out
from workers.definition.swarm.spec import NAMESPACE_LABEL
from workers.ports import Cluster, Definition, Instance, Survey


class SwarmEngine(SwarmJobs, DockerEngine):
    """One stack in a swarm. Releases are read, defined and built as on one host, on this manager's node."""

    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        """Builds or pulls the images, pushes what no registry has, and keeps all by digest in the definition."""
        ids = await super().build(definition, services, log)
        model = await in_file_thread(self._kept, definition.sha)
        if self._stack.registry is None:
            raise BuildFailed("the stack file names no registry")
        registry = Registry(self._docker, self._stack.registry, self._stack.project, self._stack.times.build)
        if pushed := await registry.push(unpushed(model, services), definition.sha, log):
            await in_file_thread(self._files.write, definition.sha, with_images(model, pushed, {}))
        return ids

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        service = (await self._services(definition))[instance.service]
        same = digest_in(str(instance.image)) == digest_in(service["image"])
        if not same or instance.definition != service["labels"][DEFINITION_LABEL]:
            return False
        return await in_file_thread(self._sees_todays_files, instance, await in_file_thread(self._kept, definition.sha))

    async def survey(self) -> Survey:
        """What runs on all nodes, and what this manager's node stores."""
        listed = await self._all_known(await self._listed(None))
        seen = await survey.survey(self._docker, self._compose, self._stack, listed)
        return replace(seen, retired=left_out(await in_file_thread(self._files.read, CURRENT), self._stack))

    async def refused_images(self) -> Mapping[str, str]:
        """Those that are pulled, and those of the live release that were pushed, as this node gets them."""
        model = await in_file_thread(self._files.read, CURRENT) or {}
        images = {str(each.get("image")) for each in model.get("services", {}).values()}
        pushed = sorted(each for each in images if each.startswith(f"{self._stack.registry}/"))
        answers = await asyncio.gather(*(refusal(self._docker, image) for image in pushed))
        of_pushed = {image: answer for image, answer in zip(pushed, answers, strict=True) if answer}
        return {**await super().refused_images(), **of_pushed}

    async def cluster(self) -> Cluster:
        services, nodes, networks, info = await asyncio.gather(
            self._manager.services(f"{NAMESPACE_LABEL}={self._stack.project}"),
            self._manager.nodes(),
            self._docker.call(lambda c: c.api.networks(filters={"driver": OVERLAY})),
            self._docker.call(lambda c: c.info()),
        )
        tasks = await self._manager.tasks([each["ID"] for each in services])
        specs = [service["Spec"]["TaskTemplate"] for service in services]
        used = {each["Target"] for spec in specs for each in spec.get("Networks") or ()}
        sizes = {str(each["Name"]): largest_packet(each) for each in networks if {each["Id"], each["Name"]} & used}
        address = str((info.get("Swarm") or {}).get("NodeAddr") or "")
        return Cluster(machines_of(nodes, tasks), sizes, packet_of(address) if address else None)

    async def prune(self, keep: Collection[str]) -> int:
        """As on one host, and removes the configs and secrets that no service of the stack uses."""
        freed = await super().prune(keep)
        services = await self._manager.services(f"{NAMESPACE_LABEL}={self._stack.project}")
        await self._needs.forget(used_names([service["Spec"] for service in services]))
        return freed

    async def _discard(self, instance: Instance, volumes: bool) -> None:  # noqa: ARG002 - Swarm removes them with their task
        await self._remove(instance.id)
