"""Finds each service's `env_file` and `label_file`: in the release if it has the file, else in the live directory."""

import json
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.stored.host_file_states import states
from workers.adapters.redaction import text_of
from workers.adapters.threads import in_file_thread
from workers.definition.files.origins import other_version
from workers.definition.files.roots import Roots
from workers.definition.files.unfetched import Part, in_words, unfetched
from workers.ports import FileUse, Origin

KEY, LABELS = "env_file", "label_file"


async def with_home(compose: Compose, given: ComposeFiles) -> ComposeFiles:
    """`given` with the HOME that the operator's files set: for `~`, Compose looks only in its own environment.

    The worker's is another one: a service would get an empty directory. Raises ComposeInvalid.
    """
    if not await in_file_thread(lambda: any("HOME" in text_of(file) for file in given.env_files)):
        return given
    return replace(given, home=(await compose.values(["${HOME-}"], given))[0])


@dataclass(frozen=True)
class EnvFiles:
    """Each service's `env_file` entries, as Compose writes them, with paths that exist. `moved`: some are elsewhere.

    `labels`: each service's `label_file` in the same way. `files`: where they come from. `problems`: those that a
    service needs and that are nowhere, and what to write. `warnings`: those of which the live directory has another
    version. `sources`: the states of the operator's.
    """

    of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    labels: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    moved: bool = False
    files: list[FileUse] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def paths(self) -> dict[str, list[str]]:
        return {name: [entry["path"] for entry in entries] for name, entries in self.of.items()}


async def find_env_files(compose: Compose, given: ComposeFiles, raw: Mapping[str, Any], roots: Roots) -> EnvFiles:
    """Looks for the files in `raw`, the model without values of variables. Raises ComposeInvalid.

    A file that is also one of the operator's, for example `.env`, is the operator's here too.
    """
    own = {roots.inside(str(file)) for file in given.env_files}
    named = list(_named(raw))
    values = await _values(compose, given, roots, [entry["path"] for _, _, entry in named])
    found = EnvFiles()
    moved = False
    live: list[Path] = []
    incomplete: dict[Part, dict[str, None]] = {}
    for key, name, entry in named:
        whole = str(given.project_directory / values[entry["path"]])
        path = roots.beside(whole) or whole
        inside = roots.inside(path)
        origin, at = await in_file_thread(_look, roots, path, own)
        live += [roots.live / (inside or path)] if origin is Origin.LIVE else []
        parts = await in_file_thread(_incomplete, roots, inside) if origin is Origin.RELEASE else []
        for part in parts:
            incomplete.setdefault(part, {})[f"{name} ({key})"] = None
        if inside is not None and at is not None:
            found.files.append(FileUse(inside, origin, name, key))
        if at is None and entry.get("required", True):
            found.problems.append(f"{name}: {key} {_missing(roots, inside, path)}")
        of_service = (found.of if key == KEY else found.labels).setdefault(name, [])
        if at is not None and not parts:
            of_service.append({**entry, "path": str(at)})
        moved |= str(at) != whole or bool(parts)
    found.problems.extend(in_words(incomplete))
    used = [file for file in found.files if file.origin is Origin.RELEASE]
    return replace(
        found,
        moved=moved,
        warnings=await in_file_thread(_warnings, roots, used),
        sources=await in_file_thread(states, live),
    )


def _named(raw: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each file with its key and its service."""
    for name, service in (raw.get("services") or {}).items():
        yield from ((KEY, name, entry) for entry in service.get(KEY) or ())
        yield from ((LABELS, name, {"path": path}) for path in service.get(LABELS) or ())


async def _values(compose: Compose, given: ComposeFiles, roots: Roots, paths: Collection[str]) -> dict[str, str]:
    """Each of `paths`, as Compose writes them without values, with the values of the variables in it.

    There Compose has made `${FILE}` a path of the release, before it knows that its value is absolute, or begins with
    `~`. It writes `./${FILE}` in the same way, but a path there never begins with an absolute one.
    """
    written = [path for path in dict.fromkeys(paths) if "$" in path]
    tails = [path.partition("/$")[2] if Path(path).is_relative_to(roots.tree) else "" for path in written]
    said = await compose.values([*written, *(f"${tail}" if tail else "" for tail in tails)], given)
    values = {path: path for path in paths}
    for path, value, tail in zip(written, said, said[len(written) :], strict=False):
        at_home = tail.startswith("~/") and given.home
        values[path] = given.home + tail[1:] if at_home else tail if tail.startswith("/") else value
    return values


def _incomplete(roots: Roots, path: str | None) -> list[Part]:
    """What the release does not really have of the file: Compose would read the bytes of something else as values."""
    return unfetched(roots.tree, path, roots.rules.unfetched) if path else []


def _warnings(roots: Roots, used: Collection[FileUse]) -> list[str]:
    """An operator may have written the values into a file that Git has too."""
    users: dict[str, list[str]] = {}
    for file in used:
        users.setdefault(file.path, []).append(file.service)
    return [warning for path, who in users.items() if (warning := other_version(roots, path, who))]


def _look(roots: Roots, path: str, own: Collection[str | None]) -> tuple[Origin, Path | None]:
    inside = roots.inside(path)
    if inside is None:
        return Origin.LIVE, Path(path) if _is_there(Path(path)) else None
    if roots.has(inside) and not roots.of_host(path) and roots.forced(inside) is not Origin.LIVE and inside not in own:
        return Origin.RELEASE, roots.tree / inside
    return Origin.LIVE, roots.live / inside if roots.live_has(inside) else None


def _is_there(file: Path) -> bool:
    """True where the worker may not look: Compose will say."""
    try:
        file.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _missing(roots: Roots, inside: str | None, path: str) -> str:
    if inside is None:
        return f"{path} is missing on the host. Create it, or correct its path"
    if roots.of_host(path):
        return f"{path} is missing. Create it"
    return f"{inside} is neither in the release nor in {roots.live}. Create it in {roots.live}, or commit it"


@asynccontextmanager
async def overridden(given: ComposeFiles, found: EnvFiles) -> AsyncIterator[ComposeFiles]:
    """`given` with a further file that leads each service to its files, where one of them is elsewhere.

    https://docs.docker.com/reference/compose-file/merge/#replace-value
    """
    if not found.moved:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="zu-env-") as directory:
        file = Path(directory) / "env-files.yml"
        lines = [f"  {json.dumps(name)}: {{{_overrides(found, name)}}}" for name in {**found.of, **found.labels}]
        file.write_text("\n".join(["services:", *lines, ""]).replace("$", "$$"))
        yield given.with_override(file)


def _overrides(found: EnvFiles, name: str) -> str:
    own: dict[str, list[Any]] = {}
    if name in found.of:
        own[KEY] = found.of[name]
    if name in found.labels:
        own[LABELS] = [entry["path"] for entry in found.labels[name]]
    return ", ".join(f"{key}: !override {json.dumps(each)}" for key, each in own.items())
