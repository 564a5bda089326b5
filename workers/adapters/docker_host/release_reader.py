"""Makes the definition that runs from a release's Compose files: resolves, locates, checks and transforms them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.errors import ComposeInvalid, VariableMissing
from app.domain.stack import Forbid, Stack
from workers.adapters.docker_host.compose import Compose, Resolved
from workers.adapters.docker_host.compose_commands import ComposeFiles
from workers.adapters.docker_host.env_files import EnvFiles, find_env_files, overridden
from workers.adapters.docker_host.file_store import FileStore
from workers.adapters.docker_host.policy import ReleasePolicyCheck
from workers.adapters.threads import in_file_thread
from workers.definition import mounts, variables
from workers.definition.contents import digest
from workers.definition.environment import environment_names
from workers.definition.files import Located, locate
from workers.definition.forbidden import Use
from workers.definition.retired import without_retired
from workers.definition.roots import Roots
from workers.definition.transform import Model, transform
from workers.ports import FileUse, Stamp


@dataclass(frozen=True)
class ReadRelease:
    """A release's definition, with where its files come from, what is to be said, and what the policy forbids.

    `problems` refuse the release: its definition is incomplete.
    """

    model: Model
    files: tuple[FileUse, ...]
    warnings: tuple[str, ...]
    forbidden: tuple[Use, ...]
    problems: tuple[VariableMissing | ComposeInvalid, ...] = ()


class ReleaseReader:
    """Reads releases of `stack`. `store` keeps the files that containers mount. `written`: what the updater writes."""

    def __init__(
        self, compose: Compose, stack: Stack, store: FileStore, policy: ReleasePolicyCheck, written: Sequence[Path] = ()
    ) -> None:
        self._compose, self._stack, self._store, self._policy = compose, stack, store, policy
        self._written = tuple(written)

    async def read(self, tree: Path, stamp: Stamp, published: Mapping[str, Any] | None, *, keep: bool) -> ReadRelease:
        """The definition of the release in `tree`. `published`: what a plain `docker compose` uses now.

        With `keep`, the mounted files of a release without problems are copied to where the definition expects them;
        else nothing is written. Raises ComposeInvalid, EngineFailed.
        """
        stack = self._stack
        roots = Roots(tree, Path(stack.directory), stack.files, self._written)
        resolved, env_files, raw = await self._resolve(tree, stamp, roots)
        model = without_retired(resolved.model, stack)
        moved = [name for name in stack.moved_services() if name in model["services"]]
        needed, others = self._unset(resolved, raw, moved)
        needed += await self._unset_secrets(ComposeFiles.below(tree, stack, stamp), model, moved)
        located = await in_file_thread(locate, model, roots, moved)
        missing = [*env_files.missing(moved), *located.problems]
        forbidden = await self._policy.forbidden(tree, located.model, published, env_files.paths())
        keep = keep and not (needed or missing or forbidden)
        kept = await in_file_thread(self._stored, located, published or {}, tree, moved, keep)
        return ReadRelease(
            transform(kept, stack, stamp),
            (*env_files.files, *located.files),
            (
                *(f"nothing sets {each}: it is empty there" for each in others),
                *variables.other_warnings(resolved.warnings),
                *(f"{each}. Its variables are missing there" for each in env_files.missing_elsewhere(moved)),
                *located.warnings,
            ),
            tuple(forbidden),
            (
                *([VariableMissing(variables.refusal(needed, stack.directory, stack.env_files))] if needed else []),
                *([ComposeInvalid(f"{'; '.join(missing)}. Traffic is unchanged")] if missing else []),
            ),
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

    def _unset(
        self, resolved: Resolved, raw: Model | None, moved: Collection[str]
    ) -> tuple[list[variables.Unset], list[variables.Unset]]:
        """The unset variables that a moved service uses, and the others."""
        found = variables.unset(resolved.warnings, raw)
        if raw is None:  # unknown who uses them
            found = [variables.Unset(each.name, tuple(moved)) for each in found]
        return variables.split(found, moved, self._stack.allow_unset)

    async def _unset_secrets(self, given: ComposeFiles, model: Model, moved: Collection[str]) -> list[variables.Unset]:
        """The unset variables of secrets and configs. Compose reports them only when it starts the service."""
        names = environment_names(model, moved)
        found = await self._compose.values([f"${{{name}+set}}" for name in names], given)
        lacking = [name for name, said in zip(names, found, strict=True) if not said]
        return [variables.Unset(name, ("a secret or config",)) for name in lacking]

    def _stored(
        self, located: Located, published: Mapping[str, Any], tree: Path, moved: Collection[str], keep: bool
    ) -> Model:
        model = mounts.as_before(located.model, published, moved, _same)
        place = self._store.put if keep else self._store.place
        return mounts.replaced(model, lambda path: str(place(Path(path))) if _is_in(path, tree) else path)


def _same(one: str, other: str) -> bool:
    try:
        return one == other or digest(Path(one)) == digest(Path(other))
    except OSError:
        return False


def _is_in(path: str, tree: Path) -> bool:
    return Path(path).is_relative_to(tree) and Path(path).exists()
