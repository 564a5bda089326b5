"""Finds each service's `env_file`: in the release if it has the file, else in the live directory."""

import json
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
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
from workers.ports import FileUse, Origin

KEY = "env_file"


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

    `files`: where they come from. `problems`: those that a service needs and that are nowhere, and what to write.
    `warnings`: those of which the live directory has another version. `sources`: the states of the live directory's.
    """

    of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
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
    named = [(name, e) for name, service in (raw.get("services") or {}).items() for e in service.get(KEY) or ()]
    written = [entry["path"] for _, entry in named if "$" in entry["path"]]
    values = dict(zip(written, await compose.values(written, given), strict=True))
    found = EnvFiles()
    moved = False
    for name, entry in named:
        path = values.get(entry["path"], entry["path"])
        whole = str(given.project_directory / path)
        path = roots.beside(whole) or whole
        inside = roots.inside(path)
        origin, at = _look(roots, inside, own)
        moved |= path != whole or (inside is not None and origin is not Origin.RELEASE)
        if inside is not None and at is not None:
            found.files.append(FileUse(inside, origin, name, KEY))
        if inside is not None and at is None and entry.get("required", True):
            where = f"neither in the release nor in {roots.live}. Create it in {roots.live}, or commit it"
            found.problems.append(f"{name}: {KEY} {inside} is {where}")
        if at is not None or inside is None:
            found.of.setdefault(name, []).append({**entry, "path": str(at or path)})
        else:
            found.of.setdefault(name, [])
    used = [file for file in found.files if file.origin is Origin.RELEASE]
    live = [roots.live / file.path for file in found.files if file.origin is Origin.LIVE]
    return replace(
        found,
        moved=moved,
        warnings=await in_file_thread(_warnings, roots, used),
        sources=await in_file_thread(states, live),
    )


def _warnings(roots: Roots, used: Collection[FileUse]) -> list[str]:
    """An operator may have written the values into a file that Git has too."""
    users: dict[str, list[str]] = {}
    for file in used:
        users.setdefault(file.path, []).append(file.service)
    return [warning for path, who in users.items() if (warning := other_version(roots, path, who))]


def _look(roots: Roots, path: str | None, own: Collection[str | None]) -> tuple[Origin, Path | None]:
    if path is None:
        return Origin.LIVE, None
    if roots.has(path) and roots.forced(path) is not Origin.LIVE and path not in own:
        return Origin.RELEASE, roots.tree / path
    return Origin.LIVE, roots.live / path if roots.live_has(path) else None


@asynccontextmanager
async def overridden(given: ComposeFiles, found: EnvFiles) -> AsyncIterator[ComposeFiles]:
    """`given` with a further file that leads each service to its `env_file`, where one of them is elsewhere.

    https://docs.docker.com/reference/compose-file/merge/#replace-value
    """
    if not found.moved:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="zu-env-") as directory:
        file = Path(directory) / "env-files.yml"
        lines = [f"  {json.dumps(name)}: {{{KEY}: !override {json.dumps(each)}}}" for name, each in found.of.items()]
        file.write_text("\n".join(["services:", *lines, ""]).replace("$", "$$"))
        yield given.with_override(file)
