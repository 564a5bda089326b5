"""Looks at the services of one stack in a swarm."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.stack import Stack
from workers.adapters.docker_host.adoption.record import AdoptedFile
from workers.adapters.docker_host.engine_parts import HostParts
from workers.adapters.swarm.adoption import SwarmAdoption
from workers.adapters.swarm.images import SwarmImages
from workers.adapters.swarm.manager import Manager
from workers.adapters.swarm.slots import compose_service, instances_of, parted, removed
from workers.definition.labels import ONCE_LABEL, STACK_LABEL
from workers.definition.services.roles import NAME_LABEL, role_in
from workers.definition.swarm.spec import NAMESPACE_LABEL
from workers.ports import CheckResult, Instance

Attributes = Mapping[str, Any]

LOOK_SECONDS = 0.2
"""How often a service is looked at while its tasks start or end."""

NOT_RUN = "Swarm runs the check itself, on the copy's node: it {}"


class SwarmView(HostParts):
    """The part of the port `Containers` that changes nothing."""

    @property
    def _manager(self) -> Manager:
        return Manager(self._docker)

    def _images_of(self, stack: Stack) -> SwarmImages:
        return SwarmImages(self._docker, self._compose, stack)

    def _adoption_in(self, file: AdoptedFile) -> SwarmAdoption:
        return SwarmAdoption(self._docker, self._compose, self._stack, file, listed=self._listed, look=self._look)

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        listed = [*await self._listed(service), *await self._adoption.singles(service)]
        return [i for i in await self._all_known(listed) if rollout in {None, i.rollout}]

    async def named(self, name: str) -> list[Instance]:
        found = await self._manager.services(f"{STACK_LABEL}={self._stack.project}", f"{NAME_LABEL}={name}")
        named = [i for i in await self._instances(found) if role_in(i.labels).is_uncolored(name)]
        return await self._all_known(named)

    async def inspect(self, instance: str) -> Instance:
        return await self._known(await self._look(instance))

    async def _of_service(self, id_: str) -> list[Instance]:
        """All instances of that Swarm service; none if it does not exist."""
        service = await self._manager.service(id_)
        return await self._all_known(await self._instances([service])) if service is not None else []

    async def _all_known(self, listed: Sequence[Instance]) -> list[Instance]:
        return [await self._known(instance) for instance in listed]

    async def _look(self, instance: str) -> Instance:
        """The instance, without what only this worker knows."""
        id_, slot = parted(instance)
        service = await self._manager.service(id_) if slot else None
        found = await self._instances([service]) if service is not None else []
        return next((each for each in found if each.id == instance), removed(instance))

    async def _listed(self, service: str | None) -> list[Instance]:
        """The instances of the Compose service, or of the whole stack, without what only this worker knows."""
        found = await self._manager.services(f"{NAMESPACE_LABEL}={self._stack.project}")
        mine = [each for each in found if service in {None, compose_service(each)} and not _is_once(each)]
        return await self._instances(mine)

    async def _instances(self, services: Sequence[Attributes]) -> list[Instance]:
        if not services:
            return []
        tasks, nodes = await asyncio.gather(
            self._manager.tasks([service["ID"] for service in services]), self._manager.nodes()
        )
        return [
            instance
            for service in services
            for instance in instances_of(service, [t for t in tasks if t["ServiceID"] == service["ID"]], nodes)
        ]

    async def tail(self, instance: str, lines: int) -> list[str]:
        """Of the newest task in the slot that has written anything."""
        id_, slot = parted(instance)
        tasks = [task for task in await self._manager.tasks([id_]) if task.get("Slot") == slot]
        for task in sorted(tasks, key=lambda each: str(each["CreatedAt"]), reverse=True):
            if said := await self._manager.output(task["ID"], lines) or _error_of(task):
                return said[-lines:]
        return []

    async def check(self, instance: str, limit: float) -> CheckResult:
        """Waits for Swarm's own verdict: a manager cannot run a check on another node."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        while True:
            now = await self.inspect(instance)
            if now.health == "healthy":
                return CheckResult(True, NOT_RUN.format("passed"))
            if now.health is None:
                why = "the copy has no health check" if now.running else f"the copy is {now.state}"
                return CheckResult(False, why)
            if loop.time() >= deadline:
                return CheckResult(False, NOT_RUN.format(f"did not pass within {limit:g} s"))
            await asyncio.sleep(LOOK_SECONDS)


def _is_once(service: Attributes) -> bool:
    return ONCE_LABEL in (service["Spec"].get("Labels") or {})


def _error_of(task: Attributes) -> list[str]:
    error = task["Status"].get("Err")
    return [str(error)] if error else []
