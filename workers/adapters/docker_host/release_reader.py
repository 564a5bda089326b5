"""Makes the definition that runs from a release's Compose files: resolves, locates, checks and transforms them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.errors import ComposeInvalid, VariableMissing
from app.domain.stack import Forbid, Stack
from workers.adapters.docker_host.compose import Compose, Resolved
from workers.adapters.docker_host.compose_commands import ComposeFiles
from workers.adapters.docker_host.env_files import EnvFiles, find_env_files, overridden, refuse_missing
from workers.adapters.docker_host.file_store import FileStore
from workers.adapters.docker_host.policy import ReleasePolicyCheck
from workers.adapters.threads import in_file_thread
from workers.definition import mounts, variables
from workers.definition.contents import digest
from workers.definition.environment import environment_names
from workers.definition.files import Located, Roots, locate
from workers.definition.forbidden import Use
from workers.definition.retired import without_retired
from workers.definition.transform import Model, transform
from workers.ports import FileUse, Stamp


@dataclass(frozen=True)
class ReadRelease:
    """A release's definition, with where its files come from, what is to be said, and what the policy forbids."""

    model: Model
    files: tuple[FileUse, ...]
    warnings: tuple[str, ...]
    forbidden: tuple[Use, ...]


class ReleaseReader:
    """Reads releases of `stack`. `store` keeps the files that containers mount."""

    def __init__(self, compose: Compose, stack: Stack, store: FileStore, policy: ReleasePolicyCheck) -> None:
        self._compose, self._stack, self._store, self._policy = compose, stack, store, policy

    async def read(self, tree: Path, stamp: Stamp, published: Mapping[str, Any] | None, *, keep: bool) -> ReadRelease:
        """The definition of the release in `tree`. `published`: what a plain `docker compose` uses now.

        With `keep`, the release's mounted files are copied to where the definition expects them; else nothing is
        written. Raises ComposeInvalid, VariableMissing, EngineFailed.
        """
        stack = self._stack
        roots = Roots(tree, Path(stack.directory), stack.files)
        resolved, env_files, raw = await self._resolve(tree, stamp, roots)
        model = without_retired(resolved.model, stack)
        moved = [name for name in stack.moved_services() if name in model["services"]]
        refuse_missing(env_files, moved)
        warnings = [*self._unset(resolved, raw, moved), *variables.other_warnings(resolved.warnings)]
        await self._refuse_unset(ComposeFiles.below(tree, stack, stamp), model, moved)
        located = await in_file_thread(locate, model, roots, moved)
        if located.problems:
            raise ComposeInvalid(f"{'; '.join(located.problems)}. Traffic is unchanged")
        forbidden = await self._policy.forbidden(tree, located.model, published, env_files.paths())
        kept = await in_file_thread(self._stored, located, published or {}, tree, moved, keep)
        left = [f"{problem}. It is not started by the updater" for problem in env_files.problems.values()]
        return ReadRelease(
            transform(kept, stack, stamp),
            (*env_files.files, *located.files),
            (*warnings, *left, *located.warnings),
            tuple(forbidden),
        )

    async def _resolve(self, tree: Path, stamp: Stamp, roots: Roots) -> tuple[Resolved, EnvFiles, Model | None]:
        given = ComposeFiles.below(tree, self._stack, stamp)
        try:
            raw = await self._compose.uninterpolated(given)
        except ComposeInvalid:  # some values make a file valid only when they are known
            if Forbid.HOST_MOUNTS in self._stack.policy.forbid:
                raise  # the policy has to know each `env_file`
            return await self._compose.resolve(given), EnvFiles(), None
        found = await find_env_files(self._compose, given, raw, roots)
        async with overridden(given, found) as complete:
            return await self._compose.resolve(complete), found, raw

    def _unset(self, resolved: Resolved, raw: Model | None, moved: Collection[str]) -> list[str]:
        found = variables.unset(resolved.warnings, raw)
        if raw is None:
            found = [variables.Unset(each.name, tuple(moved)) for each in found]
        needed, others = variables.split(found, moved, self._stack.allow_unset)
        if needed:
            raise VariableMissing(variables.refusal(needed, self._stack.directory, self._stack.env_files))
        return [f"nothing sets {each}: it is empty there" for each in others]

    async def _refuse_unset(self, given: ComposeFiles, model: Model, moved: Collection[str]) -> None:
        """Refuses a secret or config whose variable nothing sets: Compose says so only when it starts the service."""
        names = environment_names(model, moved)
        found = await self._compose.values([f"${{{name}+set}}" for name in names], given)
        lacking = [name for name, said in zip(names, found, strict=True) if not said]
        if missing := [variables.Unset(name, ("a secret or config",)) for name in lacking]:
            raise VariableMissing(variables.refusal(missing, self._stack.directory, self._stack.env_files))

    def _stored(
        self, located: Located, published: Mapping[str, Any], tree: Path, moved: Collection[str], keep: bool
    ) -> Model:
        model = mounts.as_before(located.model, published, moved, _same)
        place = self._store.put if keep else self._store.place
        return mounts.replaced(model, lambda path: str(place(Path(path))) if _is_below(path, tree) else path)


def _same(one: str, other: str) -> bool:
    try:
        return one == other or digest(Path(one)) == digest(Path(other))
    except OSError:
        return False


def _is_below(path: str, tree: Path) -> bool:
    return Path(path).is_relative_to(tree)
