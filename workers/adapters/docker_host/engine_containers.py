"""The containers of one Docker host: Compose creates them; the Docker SDK inspects, stops and removes them."""

import asyncio
import shlex
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from app.domain.errors import (
    BeforeFlipFailed,
    EngineFailed,
    ReleaseNotKept,
    StartFailed,
)
from workers.adapters.docker_host import health_check, injection, prune, restarts, volumes
from workers.adapters.docker_host.client import instance_of
from workers.adapters.docker_host.engine_parts import HostParts
from workers.adapters.threads import in_file_thread
from workers.definition.files.injected_files import injected_files
from workers.definition.labels import Model
from workers.definition.services import anonymous_volumes
from workers.definition.services.copies import copies_of
from workers.definition.services.restart_policy import restart_policy
from workers.definition.services.roles import ROLLOUT_LABEL
from workers.ports import CheckResult, Definition, Instance

TAIL_LINES = 20
CREATED = "created"
"""The engine's name of the state of a container that was never started."""


class DockerContainers(HostParts):
    """The port `Containers`."""

    async def run_once(
        self,
        definition: Definition,
        service: str,
        command: Sequence[str],
        *,
        name: str,
        limit: float,
        log: Callable[[str], None],
    ) -> None:
        await self._docker.ready()
        named = f"{self._stack.project}-{name}"
        lines: deque[str] = deque(maxlen=TAIL_LINES)

        def keep(line: str) -> None:
            lines.extend([line] if line.strip() else [])
            log(line)

        try:
            env = await self._values_for(definition, [service])
            code = await self._compose.once(
                definition.path, service, command, name=named, limit=limit, log=keep, env=env
            )
            failure = _failure_of(await self.inspect(named), code, _words(command)) if code else None
        except TimeoutError:
            failure = f"{_words(command)} ran longer than {limit:g} s and was stopped"
        if failure:
            raise BeforeFlipFailed(failure, service=service, last_lines=lines)
        await self.sweep()

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        await self._docker.ready()
        adopted = {service: await self._adopted(definition, service) for service in services}
        for instances in adopted.values():
            for instance in instances:
                await self.resume(instance.id)
        if created := [service for service in services if not adopted[service]]:
            await self._create_and_start(definition, created)
        return [i for service in services for i in await self._started(definition, service, adopted[service])]

    async def _adopted(self, definition: Definition, service: str) -> list[Instance]:
        """Returns the service's adopted containers, if `definition` recalls the adopted release and all still exist."""
        rollout = (await self._services(definition))[service]["labels"][ROLLOUT_LABEL]
        return await self._adoption.existing(definition.sha, service, rollout=rollout)

    async def _create_and_start(self, definition: Definition, services: Sequence[str]) -> None:
        renew = await self._clear(definition, services)
        try:
            env = await self._values_for(definition, services)
            await self._compose.up(definition.path, services, self._stack.times.start, env, renew_volumes=renew)
        except StartFailed as failed:
            raise StartFailed(
                failed.detail, service=await self._not_running(definition, services), last_lines=failed.last_lines
            ) from failed

    async def _clear(self, definition: Definition, services: Sequence[str]) -> bool:
        """Stops and removes containers of other rollouts: Compose would leave their anonymous volumes behind.

        Those of this one, which Compose will start, get their restart policy back.

        Compose would also stop one that runs, and be ended with it after `times/start`. Returns whether one ran: if it
        is kept, because it was adopted, Compose replaces it, and must not hand its anonymous volumes on. The container
        of a service that becomes routed is none of them: it serves until the flip, and Compose does not touch it.
        """
        of_now = await self._services(definition)
        found = [i for service in services for i in await self.find(service) if i.adopted or not i.single]
        others = [i for i in found if i.rollout != of_now[i.service]["labels"][ROLLOUT_LABEL]]
        running, grace = [i for i in others if not i.gone], self._stack.times.stop_grace
        await asyncio.gather(*(self.stop(i.id, i.grace(grace)) for i in running))
        for instance in others:
            await self.remove(instance.id)
        for instance in (i for i in found if i.gone and i not in others):
            await self._restart_as_defined(instance.id)
        return bool(running)

    async def _started(
        self, definition: Definition, service: str, adopted: Sequence[Instance] = ()
    ) -> Sequence[Instance]:
        made = [i for i in await self.find(service) if i.sha == definition.sha]
        running = [i for i in made if not i.gone]
        number = len(adopted) or await self._copies(definition, service)
        if len(running) != number:
            ended = next((i for i in made if i.gone), None)
            lines = await self.tail(ended.id, TAIL_LINES) if ended else []
            raise StartFailed(
                f"{len(running)} instances run after the start, expected {number}", service=service, last_lines=lines
            )
        return running

    async def _copies(self, definition: Definition, service: str) -> int:
        return copies_of((await self._services(definition))[service])

    async def _not_running(self, definition: Definition, services: Sequence[str]) -> str:
        """Names the first service of which Compose did not start every instance, else all services."""
        for service in services:
            running = [i for i in await self.find(service) if i.sha == definition.sha and not i.gone]
            if len(running) < await self._copies(definition, service):
                return service
        return ", ".join(services)

    async def create(self, definition: Definition, service: str) -> Instance:
        return (await self._create(definition, service, 1))[0]

    async def create_copies(self, definition: Definition, service: str) -> list[Instance]:
        return await self._create(definition, service, await self.copies(definition, service))

    async def copies(self, definition: Definition, service: str) -> int:
        services = await self._services(definition)
        if ROLLOUT_LABEL not in (services.get(service, {}).get("labels") or {}):
            raise ReleaseNotKept(f"the release {definition.sha} has no {service} of the updater")
        return len(await self._adopted(definition, service)) or copies_of(services[service])

    async def _create(self, definition: Definition, service: str, wanted: int) -> list[Instance]:
        """Completes the `wanted` instances of the definition's rollout, and returns them."""
        await self._docker.ready()  # while the engine shuts down, what will run again has ended
        model = await in_file_thread(self._kept, definition.sha)
        found = await self.find(service)
        rollout = model["services"][service]["labels"][ROLLOUT_LABEL]
        made = [i for i in found if i.rollout == rollout]
        incomplete = [i for i in made if i.state == CREATED]
        if len(made) >= wanted and not incomplete:
            return made
        values = await self._values(model, [service])
        if (missing := wanted - len(made)) > 0:
            if found and wanted == 1:  # a definition has the same volumes for all copies, so several get new ones
                await self._inherit_volumes(definition, service, next((i for i in found if i.running), found[0]))
            new = await self._create_beside(definition, service, found, missing, values)
            made, incomplete = [*made, *new], [*incomplete, *new]
        for instance in incomplete:
            await self._inject(model, instance, values)
        return made

    async def _create_beside(
        self, definition: Definition, service: str, found: Sequence[Instance], missing: int, env: Mapping[str, str]
    ) -> list[Instance]:
        before = {i.id for i in found}
        for old in before:
            await restarts.hold(self._docker, old)
        await self._compose.create(definition.path, service, len(before) + missing, self._stack.times.start, env)
        made = [i for i in await self.find(service) if i.id not in before]
        if len(made) != missing:
            raise StartFailed(f"Compose created {len(made)} instances, expected {missing}", service=service)
        return made

    async def _inject(self, model: Model, created: Instance, values: Mapping[str, str]) -> None:
        """Compose copies some configs and secrets only when it starts a container itself."""
        try:
            if files := injected_files(model, created.service, values):
                await injection.inject(self._docker, created.id, files)
        except (EngineFailed, ValueError) as error:
            why = error.detail if isinstance(error, EngineFailed) else str(error)
            raise StartFailed(
                f"its configs and secrets could not be copied into the container ({why})", service=created.service
            ) from error

    async def _inherit_volumes(self, definition: Definition, service: str, old: Instance) -> None:
        """Gives `service` the anonymous volumes of its container `old`."""
        model = await in_file_thread(self._kept, definition.sha)
        before = await volumes.anonymous_volumes(self._docker, old.id)
        declared = await volumes.declared_volumes(self._docker, model["services"][service]["image"])
        if (inheriting := anonymous_volumes.inheriting(model, service, before, declared)) != model:
            await in_file_thread(self._files.write, definition.sha, inheriting)

    async def resume(self, instance: str) -> None:
        try:
            await self._restart_as_defined(instance)
            await self._docker.change(lambda c: c.api.start(instance))
        except EngineFailed as error:
            raise StartFailed(error.detail) from error

    async def _restart_as_defined(self, instance: str) -> None:
        """Gives a stopped instance the restart policy of its release's definition, if that is kept."""
        container = await self._docker.call(lambda c: c.containers.get(instance))
        if not restarts.may_be_held(container):
            return
        found = await self._adoption.mark(instance_of(container))
        kept = await in_file_thread(self._files.read, found.sha) if found.sha and found.gone else None
        if service := (kept or {}).get("services", {}).get(found.service):
            await restarts.give_back(self._docker, container, restart_policy(service))

    async def check(self, instance: str, limit: float) -> CheckResult:
        return await health_check.check(self._docker, instance, limit)

    async def stop(self, instance: str, grace: float) -> Instance:
        await restarts.hold(self._docker, instance, stops=True)
        await self._docker.stop(instance, grace)
        return await self.inspect(instance)

    async def remove(self, instance: str) -> None:
        if not await self._adoption.keeps(instance):
            service = (await self.inspect(instance)).service
            await prune.remove(self._docker, instance, volumes=self._stack.moved_services().get(service) is not None)

    async def tail(self, instance: str, lines: int) -> list[str]:
        raw = await self._docker.call(lambda c: c.api.logs(instance, tail=lines))
        return [line.rstrip() for line in raw.decode("utf-8", "replace").splitlines()]

    async def sweep(self) -> list[str]:
        return await prune.sweep(self._docker, self._stack)


def _words(command: Sequence[str]) -> str:
    return shlex.join(command) or "the service's own command"


def _failure_of(ended: Instance, code: int, command: str) -> str:
    """Returns why the command failed, from its container; Compose's exit `code` if the container shows no failure."""
    if ended.state != "exited":
        return f"{command} did not run to its end: its container is {ended.state}"
    if ended.exit_code:
        return f"{command} ended with exit code {ended.exit_code}"
    return f"Compose ended with exit code {code}; the container of {command} ended with 0"
