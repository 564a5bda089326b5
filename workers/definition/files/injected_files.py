"""The configs and secrets that Compose copies into a container before it starts it: they have no file on the host."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workers.definition.services.retired import uses_in
from workers.redaction.encodings import undoubled

READABLE = 0o444


@dataclass(frozen=True)
class InjectedFile:
    """`path`: absolute, in the container. `owner`: user and group id, if the release names one."""

    path: str
    content: str
    mode: int = READABLE
    owner: tuple[int, int] | None = None


def injected_files(model: Mapping[str, Any], service: str, values: Mapping[str, str]) -> list[InjectedFile]:
    """The files of `service` in the resolved `model`. `values`: of the variables that its secrets and configs name.

    An empty one is not copied, as with Compose. Raises ValueError if a mode or an owner is not a number.
    """
    return [*_of(model, "secrets", service, values), *_of(model, "configs", service, values)]


def _of(model: Mapping[str, Any], part: str, service: str, values: Mapping[str, str]) -> Iterator[InjectedFile]:
    for use, found in uses_in(part, model["services"][service], model):
        defined = found or {}
        content = undoubled(defined.get("content") or "") or values.get(defined.get("environment") or "")
        if content:
            mode = use.get("mode")
            yield InjectedFile(path_inside(part, use), content, READABLE if mode is None else _mode(mode), _owner(use))


def path_inside(part: str, use: Mapping[str, Any]) -> str:
    """Where the container has a config or secret (`part`) that it uses in that way."""
    target = undoubled(use.get("target") or use["source"])
    if target.startswith("/"):
        return target
    return f"/run/secrets/{target}" if part == "secrets" else f"/{target}"


def _mode(mode: int | str) -> int:
    """Compose writes a mode as octal digits, in quotes."""
    return int(mode, 8) if isinstance(mode, str) else mode


def _owner(use: Mapping[str, Any]) -> tuple[int, int] | None:
    if not use.get("uid") and not use.get("gid"):
        return None
    return int(use.get("uid") or 0), int(use.get("gid") or 0)
