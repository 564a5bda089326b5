"""The services of one stack in a swarm: started and stopped."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import docker
from docker.models.images import Image

from app.domain.errors import EngineFailed, ReleaseNotKept, StartFailed
from workers.adapters.docker_host.client import CALL_SECONDS, Missing
from workers.adapters.swarm.slots import compose_service, instance_id, labels_of, may_run, parted, removed
from workers.adapters.swarm.stored_files import SwarmNeeds
from workers.adapters.swarm.view import LOOK_SECONDS, SwarmView
from workers.adapters.threads import in_file_thread
from workers.definition.images.service_images import repository_and_tag
from workers.definition.labels import SHA_LABEL, Model
from workers.definition.services.copies import copies_of
from workers.definition.services.roles import ROLLOUT_LABEL
from workers.definition.swarm.spec import color_name, replicas, rollout_name, service_spec, started, stopped
from workers.ports import Definition, Instance

Attributes = Mapping[str, Any]
Spec = dict[str, Any]

TAIL_LINES = 20
SETTLE_SECONDS = 1.0
"""How long a container that cannot be started usually takes to fail."""


class SwarmServices(SwarmView):
    """The part of the port `Containers` that starts, stops and removes: an instance is a slot of a Swarm service."""

    @property
    def _needs(self) -> SwarmNeeds:
        return SwarmNeeds(self._manager, self._stack.project, self._marks)

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        await self._docker.ready()
        model = await in_file_thread(self._kept, definition.sha)
        ids = await asyncio.gather(*(self._start(model, service) for service in services))
        deadline = asyncio.get_running_loop().time() + self._stack.times.start
        found = [await self._running(id_, name, deadline) for id_, name in zip(ids, services, strict=True)]
        return [instance for instances in found for instance in instances]

    async def _start(self, model: Model, service: str) -> str:
        """Starts the color's or singleton's Swarm service of this rollout, and removes those of others.

        If the definition recalls an adopted release, starts what was adopted instead.
        """
        labels, name = model["services"][service]["labels"], self._name(model, service)
        rollout, sha = labels[ROLLOUT_LABEL], labels[SHA_LABEL]
        adopted = await self._adoption.existing(sha, service, rollout=rollout)
        if adopted:
            id_ = parted(adopted[0].id)[0]
        else:
            await self._clear_others(service, rollout, name)
            id_ = await self._made(model, service, name)
        await self._manager.change(id_, _start_if_at_rest)
        return id_

    async def _clear_others(self, service: str, rollout: str, name: str) -> None:
        """Stops and removes what other rollouts made of the service. What was adopted stays, unless it has `name`.

        The service that becomes routed serves until the flip, and stays too.
        """
        others = [i for i in await self.find(service) if i.rollout != rollout and (i.adopted or not i.single)]
        grace = self._stack.times.stop_grace
        await asyncio.gather(*(self.stop(i.id, i.grace(grace)) for i in others if not i.gone))
        for instance in others:
            await self.remove(instance.id)
        found = await self._manager.service(name)
        if found is not None and labels_of(found).get(ROLLOUT_LABEL) != rollout:
            await self._remove(instance_id(found["ID"], 1))

    def _name(self, model: Model, service: str) -> str:
        if self._stack.moved_services().get(service) is not None:
            return color_name(self._stack.project, service)
        return rollout_name(self._stack.project, service, model["services"][service]["labels"][ROLLOUT_LABEL])

    async def _made(self, model: Model, service: str, name: str) -> str:
        """The id of the Swarm service `name`, which is created at rest if it does not exist. Raises StartFailed."""
        found = await self._manager.service(name)
        id_ = found["ID"] if found is not None else await self._manager.create(await self._spec(model, service, name))
        made, rollout = found or await self._manager.service(id_), model["services"][service]["labels"][ROLLOUT_LABEL]
        if made is not None and labels_of(made).get(ROLLOUT_LABEL) != rollout:
            raise StartFailed(f"the swarm has another service {name}, which this rollout did not make", service=service)
        return str(id_)

    async def _spec(self, model: Model, service: str, name: str) -> Spec:
        await self._needs.networks(model, service)
        files = await self._needs.files(model, service, await self._values(model, [service]))
        image = await self._image_config(model["services"][service]["image"])
        node = next((single.node for single in self._stack.singletons if single.service == service), None)
        grace = self._stack.times.stop_grace
        try:
            return service_spec(model, service, name, image=image, files=files, grace=grace, node=node)
        except ValueError as error:
            raise StartFailed(str(error), service=service) from error

    async def _image_config(self, image: str) -> Attributes:
        """The configuration of the image, which this node may have to pull: another one may have built it."""
        try:
            found = await self._docker.call(lambda c: c.images.get(image))
        except Missing:
            name, _, digest = image.partition("@")
            pull = partial(_pulled, name, digest)
            found = await self._docker.change(pull, limit=self._stack.times.build)
        return dict(found.attrs.get("Config") or {})

    async def _running(self, id_: str, service: str, deadline: float) -> list[Instance]:
        """Waits until each copy's container runs. Raises StartFailed.

        While a copy waits for its own check, its node does not report whether its container could be started. If that
        fails later than SETTLE_SECONDS, the copy never becomes healthy.
        """
        loop = asyncio.get_running_loop()
        up_since: float | None = None
        while True:
            found, now = await self._of_service(id_), loop.time()
            up_since = (up_since or now) if found and all(i.running for i in found) else None
            settled = all(i.health != "starting" for i in found) or now - (up_since or now) >= SETTLE_SECONDS
            if up_since is not None and settled:
                return found
            failed = next((i for i in found if i.state == "restarting" or i.restarts), None)
            if failed is not None or now >= deadline:
                raise await self._never_ran(service, found, failed)
            await asyncio.sleep(LOOK_SECONDS)

    async def _never_ran(self, service: str, found: Sequence[Instance], failed: Instance | None) -> StartFailed:
        running = sum(i.running for i in found)
        why = f"{running} of {len(found)} copies run after {self._stack.times.start:g} s (times/start)"
        shown = failed or next((i for i in found if not i.running), None)
        lines = await self.tail(shown.id, TAIL_LINES) if shown else []
        return StartFailed("a copy ended at once" if failed else why, service=service, last_lines=lines)

    async def create(self, definition: Definition, service: str) -> Instance:
        return (await self.create_copies(definition, service))[0]

    async def create_copies(self, definition: Definition, service: str) -> list[Instance]:
        model = await in_file_thread(self._kept, definition.sha)
        rollout = model["services"][service]["labels"][ROLLOUT_LABEL]
        found = [i for i in await self.find(service) if i.rollout == rollout]
        if len(found) >= copies_of(model["services"][service]):
            return found
        name = rollout_name(self._stack.project, service, rollout)
        return await self._of_service(await self._made(model, service, name))

    async def copies(self, definition: Definition, service: str) -> int:
        services = await self._services(definition)
        if ROLLOUT_LABEL not in (services.get(service, {}).get("labels") or {}):
            raise ReleaseNotKept(f"the release {definition.sha} has no {service} of the updater")
        adopted = await self._adoption.existing(
            definition.sha, service, rollout=services[service]["labels"][ROLLOUT_LABEL]
        )
        return len(adopted) or copies_of(services[service])

    async def resume(self, instance: str) -> None:
        """Starts all copies of its Swarm service. As with a container, nothing happens while one is still stopping."""
        id_, _ = parted(instance)
        service = await self._manager.service(id_)
        if service is None:
            raise StartFailed(f"there is no {instance}")
        if any(map(may_run, await self._manager.tasks([id_]))):
            return
        try:
            await self._manager.change(id_, _start_if_at_rest)
            deadline = asyncio.get_running_loop().time() + self._stack.times.start
            await self._running(id_, compose_service(service), deadline)
        except EngineFailed as error:
            raise StartFailed(error.detail) from error

    async def stop(self, instance: str, grace: float) -> Instance:
        """Stops all copies of its Swarm service, and waits until the node of each task has reported its end.

        A task has the grace that its service had when it was started, whatever `grace` is.
        """
        id_, slot = parted(instance)
        if not slot or await self._manager.change(id_, _at_rest) is None:
            return removed(instance)
        now, loop = await self.inspect(instance), asyncio.get_running_loop()
        deadline = loop.time() + max(grace, now.grace(grace)) + CALL_SECONDS
        while not now.gone and not now.silent and loop.time() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            now = await self.inspect(instance)
        return now

    async def remove(self, instance: str) -> None:
        """Removes its Swarm service, so all copies of it."""
        if not await self._adoption.keeps(instance):
            await self._remove(instance)

    async def _remove(self, instance: str) -> None:
        id_, slot = parted(instance)
        service = await self._manager.service(id_) if slot else None
        if service is None:
            return
        if replicas(service["Spec"]) or any(map(may_run, await self._manager.tasks([id_]))):
            raise EngineFailed(f"{service['Spec']['Name']} runs: stop it before it is removed")
        await self._manager.remove(id_)


def _pulled(name: str, digest: str, client: docker.DockerClient) -> Image:
    repository = repository_and_tag(name)[0]
    return client.images.pull(f"{repository}@{digest}" if digest else name)


def _start_if_at_rest(spec: Spec) -> Spec:
    return spec if replicas(spec) else started(spec)


def _at_rest(spec: Spec) -> Spec:
    return stopped(spec) if replicas(spec) else spec
