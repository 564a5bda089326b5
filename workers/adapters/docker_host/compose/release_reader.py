"""Makes the definition that runs from a release's Compose files: resolves, locates, checks and transforms them."""

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from docker.auth import INDEX_NAME

from app.domain.errors import ComposeInvalid, FilesChanged, VariableMissing
from app.domain.stack import Forbid, Stack
from workers.adapters.docker_host.compose.client import Compose, Resolved
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.env_files import EnvFiles, find_env_files, overridden, with_home
from workers.adapters.docker_host.compose.included import incomplete_files, unread_env_files
from workers.adapters.docker_host.compose.model_secrets import learn_env_texts, learn_model
from workers.adapters.docker_host.compose.secret_values import learn_env_files, secret_values
from workers.adapters.docker_host.policy import ReleasePolicyCheck
from workers.adapters.docker_host.stored.file_store import FileStore
from workers.adapters.docker_host.stored.host_file_states import record, states
from workers.adapters.docker_host.stored.value_marks import ValueMarks
from workers.adapters.threads import in_file_thread
from workers.definition import variables
from workers.definition.changes.remade import remade
from workers.definition.environment import marked
from workers.definition.files import mounts
from workers.definition.files.contents import equal
from workers.definition.files.live_compose import unused_files
from workers.definition.files.live_files import (
    ALWAYS_WRITTEN,
    LiveFile,
    Record,
    but_in,
    mounted_by,
    touched,
    why_changed,
    with_record,
)
from workers.definition.files.origins import Located, locate
from workers.definition.files.roots import Roots
from workers.definition.images.bases import built_bases
from workers.definition.images.built_with import built_with
from workers.definition.images.service_images import left_behind, with_shared_builds
from workers.definition.labels import Model
from workers.definition.refusals.clashes import clashes
from workers.definition.refusals.forbidden import Use
from workers.definition.refusals.unkept import unkept
from workers.definition.services import colors
from workers.definition.services.copies import uneven
from workers.definition.services.jobs import unrun
from workers.definition.services.retired import without_retired
from workers.definition.swarm import unsupported as swarm
from workers.definition.transform import transform
from workers.inspect.mounts import unlike
from workers.ports import FileUse, Stamp


@dataclass(frozen=True)
class ReadRelease:
    """A release's definition, with where its files come from, what is to be said, and what the policy forbids.

    `problems` refuse the release: its definition is incomplete. `sources`: the operator's files that were read.
    `copies`: the release's mounted files, each with the place where the definition expects its copy.
    """

    tree: Path
    stamp: Stamp
    model: Model
    files: tuple[FileUse, ...]
    warnings: tuple[str, ...]
    forbidden: tuple[Use, ...]
    problems: tuple[VariableMissing | ComposeInvalid, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)


class ReleaseReader:
    """Reads releases of `stack`. `store` keeps the files that containers mount. `written`: what the updater writes.

    `marks`: of values that no definition has. `own_mounts`: those of this process's own container, inside → outside.
    """

    def __init__(
        self,
        compose: Compose,
        stack: Stack,
        store: FileStore,
        policy: ReleasePolicyCheck,
        *,
        marks: ValueMarks,
        written: Sequence[Path] = (),
        own_mounts: Mapping[str, str] | None = None,
    ) -> None:
        self._compose, self._stack, self._store, self._policy = compose, stack, store, policy
        self._marks, self._written, self._own_mounts = marks, tuple(written), own_mounts

    def of(self, stack: Stack) -> "ReleaseReader":
        """The reader of releases that have another part of the stack."""
        other = copy.copy(self)
        other._stack = stack
        return other

    async def read(self, tree: Path, stamp: Stamp, published: Mapping[str, Any] | None) -> ReadRelease:
        """The definition of the release in `tree`. `published`: what a plain `docker compose` uses now.

        Its secrets are hidden from now on, so before a build or a container can print them. Writes nothing. Raises
        ComposeInvalid, EngineFailed, FilesChanged.
        """
        given = ComposeFiles.below(tree, self._stack, stamp)
        before = await in_file_thread(states, given.set_by)
        read = await self._read_once(tree, stamp, published or {}, given)
        sources = {**before, **read.sources}
        if written := touched(sources, await in_file_thread(states, map(Path, sources))):
            raise FilesChanged(why_changed(written))
        return replace(read, sources=sources)

    async def keep(self, read: ReadRelease) -> None:
        """Copies the mounted files to where the release's definition has them. Raises EngineFailed, FilesChanged."""
        kept = await in_file_thread(lambda: {path: str(self._store.put(Path(path))) for path in read.copies})
        if other := touched(read.copies, kept):
            raise FilesChanged(why_changed(other))

    async def _read_once(
        self, tree: Path, stamp: Stamp, published: Mapping[str, Any], given: ComposeFiles
    ) -> ReadRelease:
        stack = self._stack
        roots = Roots(tree, Path(stack.directory), stack.files, self._written)
        given = await with_home(self._compose, given)
        await learn_env_files(self._compose, given)
        resolved, env_files, raw = await self._resolve(given, roots)
        if around := roots.around(resolved.model):
            roots = replace(roots, relative=around - await self._compose.absolute_paths(given))
        model = with_shared_builds(
            without_retired(resolved.model, stack), stack.written_services(), stack.project, INDEX_NAME
        )
        moved = [name for name in stack.written_services() if name in model["services"]]
        built = built_with(model["services"], moved)
        needed, others = variables.split(variables.unset(resolved.warnings, raw), built, stack.allow_unset)
        secret = await secret_values(self._compose, stack, given, model, built)
        needed += [
            *(each for each in variables.not_passed(model, moved) if each.name not in stack.allow_unset),
            *secret.unset,
        ]
        model = variables.without_unset(model, moved)
        model = marked(model, await in_file_thread(self._marks.of, secret.values))
        located = await in_file_thread(locate, model, roots, moved)
        await learn_model(self._compose.learn, located.model, given.variables.values())
        unread = await in_file_thread(unread_env_files, given, roots)
        unused = await in_file_thread(unused_files, stack)
        bases = await in_file_thread(lambda: [*built_bases(located.model, moved, stack.project, INDEX_NAME)])
        missing = [*unread, *env_files.problems, *located.problems, *unkept(model, stack.written_services()), *bases]
        missing += [*colors.problems(located.model, stack), *clashes(model, stack)]
        missing += remade(located.model, published, moved)
        forbidden = await self._policy.forbidden(tree, located.model, published, env_files.paths())
        if not forbidden:  # what the policy refuses needs no other reason
            missing += swarm.unsupported(located.model, stack, (str(tree), str(self._store.directory)))
        kept, copies = await in_file_thread(self._stored, located, published, tree, moved)
        return ReadRelease(
            tree,
            stamp,
            await in_file_thread(self.with_live_files, transform(kept, stack, stamp)),
            (*env_files.files, *located.files),
            (
                *(each.warning for each in others),
                *variables.other_warnings(resolved.warnings),
                *([str(unused)] if unused else []),
                *env_files.warnings,
                *located.warnings,
                *left_behind(model, stack.written_services(), stack.project, INDEX_NAME),
                *colors.left_out(model, stack),
                *uneven(model, stack),
                *unrun(model, stack),
                *swarm.warnings(located.model, stack),
            ),
            tuple(forbidden),
            (
                *([VariableMissing(variables.refusal(needed, stack.directory, stack.env_files))] if needed else []),
                *([ComposeInvalid(f"{'; '.join(missing)}. Traffic is unchanged")] if missing else []),
            ),
            env_files.sources,
            copies,
        )

    async def _resolve(self, given: ComposeFiles, roots: Roots) -> tuple[Resolved, EnvFiles, Model]:
        """The model, its env files, and the model without values of variables, which shows who uses them."""
        if incomplete := await in_file_thread(incomplete_files, given, roots):
            raise ComposeInvalid(f"{'; '.join(incomplete)}. Traffic is unchanged")
        try:
            raw = await self._compose.uninterpolated(given)
        except ComposeInvalid as unreadable:  # some values make a file valid only when they are known
            texts = await in_file_thread(_texts, given)
            if Forbid.HOST_MOUNTS in self._stack.policy.forbid or any(word in texts for word in _NAMES_FILES):
                await self._compose.resolve(given)  # if it does not resolve at all, that is the better message
                raise ComposeInvalid(
                    f"Compose cannot read {given} without the value of a variable (see below), so the updater cannot "
                    "find its env files. Traffic is unchanged. Replace that variable by its value",
                    last_lines=unreadable.last_lines,
                ) from unreadable
            everyone = {name: {"text": texts} for name in self._stack.written_services()}
            return await self._compose.resolve(given), EnvFiles(), {"services": everyone}
        found = await find_env_files(self._compose, given, raw, roots)
        named = [Path(path) for paths in found.paths().values() for path in paths]
        await learn_env_texts(self._compose.learn, named)
        async with overridden(given, found) as complete:
            return await self._compose.resolve(complete), found, raw

    def with_live_files(self, model: Model) -> Model:
        """`model`, in whose labels are the operator's files that each service mounts, as they are now."""
        result = {**model, "services": dict(model["services"])}
        for name in (name for name in self._stack.moved_services() if name in result["services"]):
            result["services"][name] = with_record(result["services"][name], self.live_record(model, name))
        return result

    def live_record(self, model: Model, name: str) -> Record:
        return record(self._marks, self.live_files(model, name))

    def live_files(self, model: Model, name: str) -> list[LiveFile]:
        """What the service mounts of the operator's files, as far as this process sees the host's at their paths."""
        found = but_in(mounted_by(model, name), str(self._store.directory), *ALWAYS_WRITTEN)
        return [file for file in found if not unlike([Path(file.path)], self._own_mounts)]

    def _stored(
        self, located: Located, published: Mapping[str, Any], tree: Path, moved: Collection[str]
    ) -> tuple[Model, dict[str, str]]:
        """The model with the places of the release's mounted files, and these places by file."""
        live = Path(self._stack.directory)

        def live_path(path: str) -> str:
            return str(live / Path(path).relative_to(tree)) if Path(path).is_relative_to(tree) else path

        model = mounts.as_before(located.model, published, moved, _same, live_path)
        own = [path for path in dict.fromkeys(mounts.mounted(model)) if _is_in(path, tree)]
        places = {path: str(self._store.place(Path(path))) for path in own}
        return mounts.replaced(model, lambda path: places.get(path, path)), places


_NAMES_FILES = ("env_file", "include", "extends")
"""Keys of a Compose file that name an env file, or a file that may."""


def _texts(given: ComposeFiles) -> str:
    return "\n".join(file.read_text("utf-8", "replace") for file in given.files if file.is_file())


def _same(one: str, other: str) -> bool:
    return one == other or equal(Path(one), Path(other))


def _is_in(path: str, tree: Path) -> bool:
    return Path(path).is_relative_to(tree) and Path(path).exists()
