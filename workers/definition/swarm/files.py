"""The configs and secrets of a service. Swarm stores their content, and its nodes get it from there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.definition.files.injected_files import path_inside
from workers.definition.services.retired import uses_in
from workers.redaction.encodings import undoubled

Model = Mapping[str, Any]
Part = dict[str, Any]

CONFIGS, SECRETS = "configs", "secrets"
READABLE = 0o444

KINDS = {CONFIGS: "Config", SECRETS: "Secret"}
"""The parts of a Compose model, and how the engine's API names one of each."""


@dataclass(frozen=True)
class StoredFile:
    """A config or secret as one service uses it. `part`: CONFIGS or SECRETS. `key`: its name in the model.

    Its content is in the file `file`, or in the variable `environment`, or is `content`; or it is stored under the name
    `external` already. `path`: in the container.
    """

    part: str
    key: str
    path: str
    owner: str = "0"
    group: str = "0"
    mode: int = READABLE
    file: str | None = None
    environment: str | None = None
    content: str | None = None
    external: str | None = None


def files_of(model: Model, name: str) -> list[StoredFile]:
    """What the service uses, configs first. Raises ValueError if a mode is not a number."""
    return [*_of(model, name, CONFIGS), *_of(model, name, SECRETS)]


def _of(model: Model, name: str, part: str) -> Iterator[StoredFile]:
    for use, found in uses_in(part, model["services"][name], model):
        defined: Model = found or {}
        content = defined.get("content")
        external = str(defined.get("name") or use["source"]) if defined.get("external") else None
        yield StoredFile(
            part,
            str(use["source"]),
            path_inside(part, use),
            owner=str(use.get("uid") or "0"),
            group=str(use.get("gid") or "0"),
            mode=_mode(use.get("mode")),
            file=undoubled(defined["file"]) if defined.get("file") else None,
            environment=defined.get("environment"),
            content=undoubled(content) if content is not None else None,
            external=external,
        )


def references(files: Sequence[StoredFile], stored: Sequence[tuple[str, str]]) -> dict[str, list[Part]]:
    """The configs and secrets of a container spec. `stored`: the id and the name under which Swarm has each file."""
    found: dict[str, list[Part]] = {}
    for file, (id_, name) in zip(files, stored, strict=True):
        kind = KINDS[file.part]
        inside = {"Name": file.path, "UID": file.owner, "GID": file.group, "Mode": file.mode}
        found.setdefault(f"{kind}s", []).append({"File": inside, f"{kind}ID": id_, f"{kind}Name": name})
    return found


def _mode(mode: int | str | None) -> int:
    """Compose writes a mode as octal digits, in quotes."""
    if mode is None:
        return READABLE
    return int(mode, 8) if isinstance(mode, str) else mode
