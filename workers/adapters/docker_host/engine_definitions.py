"""The definitions of releases and their images on one Docker host."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app.domain.errors import EngineFailed, PolicyRefused, ReleaseNotKept
from app.domain.release_stack import Roles, as_of
from app.domain.stack import Color, Stack
from workers.adapters.docker_host.adoption.model import as_counted
from workers.adapters.docker_host.compose.release_reader import ReadRelease
from workers.adapters.docker_host.engine_parts import HostParts
from workers.adapters.docker_host.stored.definitions import CURRENT, read_model
from workers.adapters.docker_host.stored.host_file_states import state, states, untouched_since
from workers.adapters.threads import in_file_thread
from workers.definition import live_model, transform
from workers.definition.changes import comparison
from workers.definition.changes.changed_values import changed_values
from workers.definition.files import mounts
from workers.definition.files.live_files import differing, identity, recorded
from workers.definition.images.built_with import built_with
from workers.definition.images.service_images import as_proven, settled, with_images_of, with_proven
from workers.definition.labels import DEFINITION_LABEL, Model
from workers.definition.networks import choices, unreached
from workers.definition.refusals.forbidden import refusal
from workers.definition.services.colors import with_colors, with_singles
from workers.definition.services.jobs import needed_by
from workers.definition.services.retired import without_retired
from workers.definition.services.roles import ROLLOUT_LABEL, roles_in
from workers.ports import Comparison, Definition, Instance, LiveFiles, Stamp


def _singles(instances: Iterable[Instance]) -> set[str]:
    """The colors that are a single container of before: see `Instance.single`."""
    return {instance.service for instance in instances if instance.single and not instance.gone}


class DockerDefinitions(HostParts):
    """The port `Definitions`."""

    async def define(self, tree: Path, stamp: Stamp, compared: Comparison | None = None) -> Definition:
        """Reads, checks and stores the release's model."""
        read = await self._read(tree, stamp, read=compared.reading if compared is not None else None)
        model = with_proven(read.model, await in_file_thread(self._files.read, stamp.sha))
        defined = await self._write(stamp, model)
        return replace(defined, sources=await in_file_thread(states, map(Path, read.sources)))

    async def _read(self, tree: Path, stamp: Stamp, stack: Stack | None = None, *, read: object = None) -> ReadRelease:
        """Reads and checks the release's model, unless `read` is it, and keeps the files that it mounts.

        Raises ComposeInvalid, VariableMissing, PolicyRefused, FilesChanged.
        """
        if not isinstance(read, ReadRelease) or (read.tree, read.stamp) != (tree, stamp):
            published = await in_file_thread(self._files.read, CURRENT)
            read = await self._reader.of(stack or self._stack).read(tree, stamp, published)
        for problem in read.problems:
            raise problem
        if read.forbidden:
            raise PolicyRefused(refusal(read.forbidden))
        await self._reader.keep(read)
        return read

    async def changed_values(self, tree: Path, stamp: Stamp) -> Mapping[str, tuple[str, ...]]:
        kept = as_proven(await in_file_thread(self._kept, stamp.sha))
        part = as_of(self._stack, roles_in(kept))
        published = await in_file_thread(self._files.read, CURRENT)
        read = await self._reader.of(part).read(tree, stamp, published)
        for problem in read.problems:
            raise problem
        return changed_values(kept, read.model, [name for name in part.moved_services() if name not in part.jobs])

    async def roles_of(self, sha: str, *, proven: bool = True) -> Roles:
        kept = await in_file_thread(self._files.read, sha) or {}
        return roles_in((as_proven if proven else settled)(kept))

    def defined(self, sha: str) -> Definition:
        return Definition(self._files.path(sha), sha)

    async def compare(self, tree: Path, stamp: Stamp, live: str | None) -> Comparison:
        """Compares the release's model with the live one. Writes nothing."""
        kept = await in_file_thread(self._files.read, live) if live else None
        published = await in_file_thread(self._files.read, CURRENT)
        read = await self._reader.read(tree, stamp, published)
        compared = comparison.compare(read.model, kept, self._stack, tree=str(tree))
        forbidden, peers = tuple(map(str, read.forbidden)), await self._addresses.peers()
        problems = tuple(f"{problem.code}: {problem.detail}" for problem in read.problems)
        return replace(
            compared,
            forbidden=forbidden,
            files=read.files,
            warnings=read.warnings,
            problems=problems,
            sources=read.sources,
            reading=read,
            networks=choices(read.model, self._stack, peers),
            unreached=unreached(read.model, self._stack, peers),
        )

    async def recall(self, stamp: Stamp, services: Sequence[str], tree: Path | None = None) -> Definition:
        """Rewrites the kept definition with the new rollout's labels."""
        if gone := await self.missing(stamp.sha, services):
            raise ReleaseNotKept(f"{stamp.release} lacks {', '.join(gone)}")
        before = await in_file_thread(self._kept, stamp.sha)
        kept = as_proven(before)
        part = as_of(self._stack, roles_in(kept))
        if tree is not None:
            kept = with_images_of((await self._read(tree, stamp, part)).model, kept, part.moved_services())
        else:
            kept = await self._with_todays_marks(kept, services, part)
        kept = transform.restamp(await self._images.restored(kept, services), self._stack, stamp)
        await self._adoption.recall(stamp)
        return await self._write(stamp, kept if tree is None else with_proven(kept, before))

    async def missing(self, sha: str, services: Sequence[str]) -> list[str]:
        """Lists the parts of the release that are gone: its definition, images, containers that cannot be recreated."""
        kept = await in_file_thread(self._files.read, sha)
        if kept is None:
            return ["its definition"]
        kept = as_proven(kept)
        roles = roles_in(kept)
        if absent := [name for name in services if name not in roles]:
            return [f"a definition of {', '.join(absent)}"]
        gone = await self._images.missing(kept, services)
        files = await in_file_thread(self._store.missing, mounts.mounted(kept))
        return [*gone, *files, *await self._adoption.lost(sha, services)]

    async def adopt(self, stamp: Stamp, color: Color, instances: Sequence[Instance]) -> list[str]:
        model = as_counted(await self._adoption.live_model(), self._stack, color, instances)
        await self._write(stamp, await self._adoption.definition(model, stamp, color, instances))
        changed = await self._adoption.record(stamp, color, instances)
        before = await in_file_thread(self._files.read, CURRENT)
        # Keep the earlier rollout's definition of a bot that it created: `docker compose up` would replace the bot.
        uncolored = set(self._stack.uncolored)
        made = {i.service: i.labels.get(ROLLOUT_LABEL) for i in instances if i.service in uncolored}
        runs = with_singles(with_colors(model, self._stack), model, self._stack)
        singles = _singles(instances)
        await self._publish(
            live_model.as_it_runs(runs, before, self._stack, color, made, sha=stamp.sha, singles=singles)
        )
        return changed

    async def publish(self, definition: Definition, color: Color) -> None:
        model = await in_file_thread(self._kept, definition.sha)
        await self._images.settle(model, definition.sha)
        if model != (model := settled(model)):
            await in_file_thread(self._files.write, definition.sha, model)
        before, part = await in_file_thread(self._files.read, CURRENT), as_of(self._stack, roles_in(model))
        running = {service: await self._rollout_of(service) for service in part.uncolored}
        colors = [s.colors[color] for s in part.routed if s.made_from]
        live = [i for service in colors for i in await self.find(service) if i.sha == definition.sha]
        found = await self._adoption.as_found(model, definition.sha, self.find)
        singles, sha = _singles(live), definition.sha
        await self._publish(
            live_model.as_it_runs(model, before, self._stack, color, running, sha=sha, singles=singles, found=found)
        )

    async def published_release(self) -> tuple[str, Color] | None:
        return live_model.release_in(await in_file_thread(self._files.read, CURRENT))

    @property
    def published_path(self) -> Path:
        return self._files.path(CURRENT)

    async def publish_updater(self, model: Path) -> None:
        live = await in_file_thread(self._files.read, CURRENT)
        if live is None or self._stack.updater is None:
            return
        other = await in_file_thread(read_model, model)
        new = live_model.with_services(live, other, self._stack.updater.services)
        if new != live:
            await self._publish(new)

    async def republish(self) -> None:
        live = await in_file_thread(self._files.read, CURRENT)
        if live is not None and without_retired(live, self._stack) != live:
            await self._publish(live)

    async def _publish(self, live: Model) -> None:
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
            values = await self._values(kept, built_with(kept["services"], built))
            await self._compose.build(definition.path, built, log, self._stack.times.build, values)
        if model != kept:
            await in_file_thread(self._files.write, definition.sha, model)
        return {s: await self._images.id_of(s, model["services"][s]["image"]) for s in services}

    async def unreached(self, definition: Definition) -> Mapping[str, str]:
        model = await in_file_thread(self._kept, definition.sha)
        part = as_of(self._stack, roles_in(model))
        found = unreached(model, part, await self._addresses.peers())
        return {name: why for name, why in found.items() if not await self._adoption.existing(definition.sha, name)}

    async def one_way(self, sha: str) -> bool:
        kept = await in_file_thread(self._files.read, sha)
        return kept is not None and transform.one_way(kept, self._stack)

    async def unchanged(self, instance: Instance, definition: Definition) -> bool:
        service = (await self._services(definition))[instance.service]
        same = instance.definition == service["labels"][DEFINITION_LABEL]
        if not same or instance.image != await self._images.id_of(instance.service, service["image"]):
            return False
        return await in_file_thread(self._sees_todays_files, instance, await in_file_thread(self._kept, definition.sha))

    def _sees_todays_files(self, instance: Instance, model: Model) -> bool:
        """Whether the instance sees the operator's files as they were when `model` was made."""
        now, before = recorded(model["services"][instance.service]["labels"]), recorded(instance.labels)
        if now is None or before is not None:
            return not differing(before or {}, now or {})
        files = self._reader.live_files(model, instance.service)  # an earlier updater made it
        return instance.created is not None and untouched_since(files, instance.created)

    async def needs(self, definition: Definition, service: str) -> Mapping[str, bool]:
        return needed_by(await in_file_thread(self._kept, definition.sha), service, self._stack)

    async def live_files(self, definition: Definition, services: Sequence[str]) -> LiveFiles:
        model = await in_file_thread(self._kept, definition.sha)
        found = await in_file_thread(self._live_files, model, services)
        values = await self._changed_values(model, services)
        return replace(found, changed=(*found.changed, *values))

    def _live_files(self, model: Model, services: Sequence[str]) -> LiveFiles:
        changed: dict[str, None] = {}
        now: dict[str, str] = {}
        for name in services:
            before = recorded(model["services"][name]["labels"])
            today = self._reader.live_record(model, name)
            changed |= dict.fromkeys(differing(before, today) if before is not None else ())
            relabeled = {file.path for file in self._reader.live_files(model, name) if file.relabeled}
            now |= {
                path: identity(file) or state(Path(path), relabeled=path in relabeled) for path, file in today.items()
            }
        return LiveFiles(tuple(changed), now)
