"""The engine of one Docker host: Compose creates containers; the Docker SDK inspects, stops and removes them."""

import shlex
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker

from app.domain.errors import (
    BeforeFlipFailed,
    EngineFailed,
    PolicyRefused,
    ReleaseNotKept,
    StartFailed,
    VariableMissing,
)
from app.domain.stack import Color, Stack
from workers.adapters.docker_host import health_check, prune, survey, volumes
from workers.adapters.docker_host.addresses import Addresses
from workers.adapters.docker_host.adopted_record import AdoptedFile
from workers.adapters.docker_host.adoption import DockerAdoption
from workers.adapters.docker_host.client import (
    AWAY_SECONDS,
    SERVICE_LABEL,
    Docker,
    inspected,
    instance_of,
)
from workers.adapters.docker_host.compose import Compose
from workers.adapters.docker_host.compose_commands import ComposeFiles
from workers.adapters.docker_host.definitions import CURRENT, ReleaseFiles, read_model
from workers.adapters.docker_host.file_store import FileStore
from workers.adapters.docker_host.policy import ReleasePolicyCheck
from workers.adapters.docker_host.registries import refusals
from workers.adapters.docker_host.release_images import ReleaseImages
from workers.adapters.docker_host.release_reader import ReleaseReader
from workers.adapters.docker_host.secret_values import secret_values
from workers.adapters.threads import in_file_thread
from workers.definition import anonymous_volumes, mounts, transform, variables
from workers.definition.changed_values import changed_values
from workers.definition.environment import environment_names
from workers.definition.forbidden import refusal
from workers.definition.images import as_proven, settled, with_images_of, with_proven
from workers.definition.retired import left_out, without_retired
from workers.definition.transform import DEFINITION_LABEL, RELEASE_LABEL, ROLLOUT_LABEL, SHA_LABEL
from workers.ports import CheckResult, Comparison, Definition, Instance, Stamp, Survey
from workers.ports.mutation import Fence, no_fence

TAIL_LINES = 20


class DockerEngine:
    """One Compose project on one Docker host. `releases` is the directory of the releases' definitions.

    Calls wait up to `away` seconds for an unreachable engine. `written`: what the updater writes beside its own data.
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
    ) -> None:
        self._docker = Docker(client, compose.host, away=away, fence=fence)
        self._compose = compose
        self._stack = stack
        self._files = ReleaseFiles(releases)
        self._images = ReleaseImages(self._docker, compose, stack)
        self._addresses = Addresses(self._docker, stack)
        policy = ReleasePolicyCheck(self._docker, stack, releases.parent)
        self._store = FileStore(releases.parent / "files")
        self._reader = ReleaseReader(compose, stack, self._store, policy, written)
        self._adoption = DockerAdoption(self._docker, compose, stack, AdoptedFile(releases))

    @property
    def times_away(self) -> int:
        return self._docker.times_away + self._compose.times_cut_off

    async def ready(self) -> None:
        await self._docker.ready()

    async def define(self, tree: Path, stamp: Stamp) -> Definition:
        """Reads, checks and stores the release's model."""
        model = await self._read(tree, stamp)
        return await self._write(stamp, with_proven(model, await in_file_thread(self._files.read, stamp.sha)))

    async def _read(self, tree: Path, stamp: Stamp) -> transform.Model:
        """Reads and checks the release's model. Raises ComposeInvalid, VariableMissing, PolicyRefused."""
        published = await in_file_thread(self._files.read, CURRENT)
        read = await self._reader.read(tree, stamp, published, keep=True)
        for problem in read.problems:
            raise problem
        if read.forbidden:
            raise PolicyRefused(refusal(read.forbidden))
        return read.model

    async def changed_values(self, tree: Path, stamp: Stamp) -> Mapping[str, tuple[str, ...]]:
        kept = await in_file_thread(self._kept, stamp.sha)
        published = await in_file_thread(self._files.read, CURRENT)
        read = await self._reader.read(tree, stamp, published, keep=False)
        for problem in read.problems:
            raise problem
        return changed_values(kept, read.model, self._stack.moved_services())

    def defined(self, sha: str) -> Definition:
        return Definition(self._files.path(sha), sha)

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        """Compares the release's model with the live one. Writes nothing."""
        kept = await in_file_thread(self._files.read, live) if live else None
        published = await in_file_thread(self._files.read, CURRENT)
        read = await self._reader.read(tree, stamp, published, keep=False)
        compared = transform.compare(read.model, kept, self._stack, tree=str(tree))
        forbidden = tuple(map(str, read.forbidden))
        problems = tuple(f"{problem.code}: {problem.detail}" for problem in read.problems)
        return replace(compared, forbidden=forbidden, files=read.files, warnings=read.warnings, problems=problems)

    async def recall(self, stamp: Stamp, services: Sequence[str], tree: Path | None = None) -> Definition:
        """Rewrites the kept definition with the new rollout's labels."""
        if gone := await self.missing(stamp.sha, services):
            raise ReleaseNotKept(f"{stamp.release} lacks {', '.join(gone)}")
        kept = as_proven(await in_file_thread(self._kept, stamp.sha))
        if tree is not None:
            kept = with_images_of(await self._read(tree, stamp), kept, self._stack.moved_services())
        kept = await self._images.restored(kept, services)
        await self._adoption.recall(stamp)
        return await self._write(stamp, transform.restamp(kept, self._stack, stamp))

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        """Lists the parts of the release that are gone: its definition, images, containers that cannot be recreated."""
        kept = await in_file_thread(self._files.read, sha)
        if kept is None:
            return ["its definition"]
        gone = await self._images.missing(as_proven(kept), services)
        files = await in_file_thread(self._store.missing, mounts.mounted(kept))
        return [*gone, *files, *await self._adoption.lost(sha, services)]

    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        model = await self._adoption.live_model()
        await self._write(stamp, await self._adoption.definition(model, stamp, color, instances))
        changed = await self._adoption.record(stamp, color, instances)
        before = await in_file_thread(self._files.read, CURRENT)
        # Keep the earlier rollout's definition of a bot that it created: `docker compose up` would replace the bot.
        single = {s.service for s in self._stack.singletons}
        made = {i.service: i.labels.get(ROLLOUT_LABEL) for i in instances if i.service in single}
        await self._publish(transform.as_it_runs(model, before, self._stack, color, made, sha=stamp.sha))
        return changed

    async def publish(self, definition: Definition, color: Color) -> None:
        model = await in_file_thread(self._kept, definition.sha)
        await self._images.settle(model, definition.sha)
        if model != (model := settled(model)):
            await in_file_thread(self._files.write, definition.sha, model)
        before = await in_file_thread(self._files.read, CURRENT)
        running = {s.service: await self._rollout_of(s.service) for s in self._stack.singletons}
        await self._publish(transform.as_it_runs(model, before, self._stack, color, running, sha=definition.sha))

    async def published_release(self) -> tuple[str, Color] | None:
        return transform.release_in(await in_file_thread(self._files.read, CURRENT))

    @property
    def published_path(self) -> Path:
        return self._files.path(CURRENT)

    async def publish_updater(self, model: Path) -> None:
        live = await in_file_thread(self._files.read, CURRENT)
        if live is None or self._stack.updater is None:
            return
        other = await in_file_thread(read_model, model)
        new = transform.with_services(live, other, self._stack.updater.services)
        if new != live:
            await self._publish(new)

    async def republish(self) -> None:
        live = await in_file_thread(self._files.read, CURRENT)
        if live is not None and without_retired(live, self._stack) != live:
            await self._publish(live)

    async def _publish(self, live: transform.Model) -> None:
        """Writes `live` without the retired services: a definition of an older updater may still have them."""
        try:
            await in_file_thread(self._files.write, CURRENT, without_retired(live, self._stack))
        except OSError as error:
            raise EngineFailed(f"the live release's definition could not be written ({error})") from error

    async def _rollout_of(self, service: str) -> str | None:
        return next((i.rollout for i in await self.find(service) if i.running), None)

    async def build(
        self, definition: Definition, services: Sequence[str], log: Callable[[str], None]
    ) -> dict[str, str]:
        """Builds the images, or pulls and pins those of services without a build. Returns image ids by service."""
        kept = await in_file_thread(self._kept, definition.sha)
        await self._docker.ready()
        model = await self._images.obtain(definition.path, kept, services, definition.sha, log)
        if built := [s for s in services if "build" in model["services"][s]]:
            values = await self._values(kept, built)
            await self._compose.build(definition.path, built, log, self._stack.times.build, values)
        if model != kept:
            await in_file_thread(self._files.write, definition.sha, model)
        return {s: await self._images.id_of(s, model["services"][s]["image"]) for s in services}

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
            failure = _failure_of(await self.inspect(named), code, command) if code else None
        except TimeoutError:
            failure = f"{shlex.join(command)} ran longer than {limit:g} s and was stopped"
        if failure:
            raise BeforeFlipFailed(failure, service=service, last_lines=lines)
        await self.sweep()

    async def sweep(self) -> list[str]:
        return await prune.sweep(self._docker, self._stack)

    async def one_way(self, sha: str) -> bool:
        kept = await in_file_thread(self._files.read, sha)
        return kept is not None and transform.one_way(kept, self._stack)

    async def start(self, definition: Definition, services: Sequence[str]) -> list[Instance]:
        await self._docker.ready()
        adopted = {service: await self._adopted(definition, service) for service in services}
        for instances in adopted.values():
            for instance in instances:
                await self.resume(instance.id)
        if created := [service for service in services if not adopted[service]]:
            await self._create_and_start(definition, created)
        return [await self._started(definition, service) for service in services]

    async def _adopted(self, definition: Definition, service: str) -> list[Instance]:
        """Returns the service's adopted containers, if `definition` recalls the adopted release."""
        rollout = (await self._services(definition))[service]["labels"][ROLLOUT_LABEL]
        return await self._adoption.existing(definition.sha, service, rollout=rollout)

    async def _create_and_start(self, definition: Definition, services: Sequence[str]) -> None:
        for service in services:  # Compose would replace them too, but leave their anonymous volumes behind
            for instance in await self.find(service):
                if instance.gone:
                    await self.remove(instance.id)
        try:
            env = await self._values_for(definition, services)
            await self._compose.up(definition.path, services, self._stack.times.start, env)
        except StartFailed as failed:
            raise StartFailed(
                failed.detail, service=await self._not_running(definition, services), last_lines=failed.last_lines
            ) from failed

    async def _started(self, definition: Definition, service: str) -> Instance:
        made = [i for i in await self.find(service) if i.sha == definition.sha]
        running = [i for i in made if not i.gone]
        if len(running) != 1:
            lines = await self.tail(made[0].id, TAIL_LINES) if made else []
            raise StartFailed(
                f"{len(running)} instances run after the start, expected 1", service=service, last_lines=lines
            )
        return running[0]

    async def _not_running(self, definition: Definition, services: Sequence[str]) -> str:
        """Names the first service that Compose did not start, else all services."""
        for service in services:
            if not any(i.sha == definition.sha and not i.gone for i in await self.find(service)):
                return service
        return ", ".join(services)

    async def create(self, definition: Definition, service: str) -> Instance:
        before = {i.id for i in await self.find(service)}
        for old in before:
            await self._adoption.stay_stopped(old)
        await self._inherit_volumes(definition, service)
        env = await self._values_for(definition, [service])
        await self._compose.create(definition.path, service, len(before) + 1, self._stack.times.start, env)
        made = [i for i in await self.find(service) if i.id not in before]
        if len(made) != 1:
            raise StartFailed(f"Compose created {len(made)} instances, expected 1", service=service)
        return made[0]

    async def _inherit_volumes(self, definition: Definition, service: str) -> None:
        """Gives `service` the anonymous volumes of its container that runs, else of the newest one."""
        found = await self.find(service)
        if not found:
            return
        old = next((i for i in found if i.running), found[0])
        model = await in_file_thread(self._kept, definition.sha)
        before = await volumes.anonymous_volumes(self._docker, old.id)
        declared = await volumes.declared_volumes(self._docker, model["services"][service]["image"])
        if (inheriting := anonymous_volumes.inheriting(model, service, before, declared)) != model:
            await in_file_thread(self._files.write, definition.sha, inheriting)

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        service = (await self._services(definition))[instance.service]
        same = instance.definition == service["labels"][DEFINITION_LABEL]
        return bool(same) and instance.image == await self._images.id_of(instance.service, service["image"])

    async def resume(self, instance: str) -> None:
        try:
            await self._docker.change(lambda c: c.containers.get(instance).start())
        except EngineFailed as error:
            raise StartFailed(error.detail) from error

    async def find(self, service: str, *, rollout: str | None = None) -> list[Instance]:
        containers = await self._docker.containers(self._stack.project, f"{SERVICE_LABEL}={service}")
        found = [await self._known(instance_of(container)) for container in containers]
        return [instance for instance in found if rollout in {None, instance.rollout}]

    async def inspect(self, instance: str) -> Instance:
        return await self._known(await inspected(self._docker, instance))

    async def _known(self, instance: Instance) -> Instance:
        """The instance with what only this worker knows: whether it was adopted, and where it is reached."""
        return await self._addresses.choose(await self._adoption.mark(instance))

    async def check(self, instance: str, limit: float) -> CheckResult:
        return await health_check.check(self._docker, instance, limit)

    async def stop(self, instance: str, grace: float) -> Instance:
        await self._docker.stop(instance, grace)
        return await self.inspect(instance)

    async def remove(self, instance: str) -> None:
        if not await self._adoption.keeps(instance):
            service = (await self.inspect(instance)).service
            await prune.remove(self._docker, instance, volumes=self._stack.moved_services().get(service) is not None)

    async def tail(self, instance: str, lines: int) -> list[str]:
        raw = await self._docker.call(lambda c: c.api.logs(instance, tail=lines))
        return [line.rstrip() for line in raw.decode("utf-8", "replace").splitlines()]

    async def survey(self) -> Survey:
        seen = await survey.survey(self._docker, self._compose, self._stack)
        published = await in_file_thread(self._files.read, CURRENT)
        return replace(seen, retired=left_out(published, self._stack))

    async def refused_images(self) -> Mapping[str, str]:
        model = await in_file_thread(self._files.read, CURRENT) or await self._compose.by_hand(self._stack.directory)
        return await refusals(self._docker, model or {}, self._stack.moved_services())

    async def prune(self, keep: Collection[str]) -> int:
        await prune.prune_singletons(self._docker, self._stack, keep, self.find)
        live = await in_file_thread(self._files.read, CURRENT)
        named = {service.get("image", "") for service in (live or {}).get("services", {}).values()}
        freed = await prune.prune_images(self._docker, self._stack, keep, named)
        await prune.forget_pulled(self._docker, await in_file_thread(self._files.pulled, keep))
        await self.forget(keep)
        return freed + await prune.prune_build_cache(self._docker, self._stack)

    async def forget(self, keep: Collection[str]) -> None:
        await in_file_thread(self._files.prune, set(keep))
        self._adoption.pruned()
        containers = await self._docker.containers(self._stack.project)
        used = [mount.get("Source", "") for container in containers for mount in container.attrs.get("Mounts") or ()]
        await in_file_thread(lambda: self._store.prune([*used, *self._files.mounted()]))

    async def _values(self, model: Mapping[str, Any], services: Sequence[str]) -> dict[str, str]:
        """Today's values of the secrets and configs that `services` take from the environment.

        Raises VariableMissing if one is not set any more.
        """
        if not environment_names(model, services):
            return {}
        labels = model["services"][services[0]]["labels"]
        stamp = Stamp(labels[RELEASE_LABEL], labels[SHA_LABEL], labels[ROLLOUT_LABEL])
        given = ComposeFiles.below(Path(self._stack.directory), self._stack, stamp)
        found = await secret_values(self._compose, self._stack, given, model, services)
        if found.unset:
            raise VariableMissing(variables.refusal(found.unset, self._stack.directory, self._stack.env_files))
        return found.values

    async def _values_for(self, definition: Definition, services: Sequence[str]) -> dict[str, str]:
        return await self._values(await in_file_thread(self._kept, definition.sha), services)

    async def _write(self, stamp: Stamp, model: transform.Model) -> Definition:
        return Definition(await in_file_thread(self._files.write, stamp.sha, model), stamp.sha)

    def _kept(self, sha: str) -> transform.Model:
        kept = self._files.read(sha)
        if kept is None:
            raise ReleaseNotKept(f"the definition of {sha} is gone")
        return kept

    async def _services(self, definition: Definition) -> dict[str, Any]:
        services: dict[str, Any] = (await in_file_thread(self._kept, definition.sha))["services"]
        return services


def _failure_of(ended: Instance, code: int, command: Sequence[str]) -> str:
    """Returns why the command failed, from its container; Compose's exit `code` if the container shows no failure."""
    if ended.state != "exited":
        return f"{shlex.join(command)} did not run to its end: its container is {ended.state}"
    if ended.exit_code:
        return f"{shlex.join(command)} ended with exit code {ended.exit_code}"
    return f"Compose ended with exit code {code}; the container of {shlex.join(command)} ended with 0"
