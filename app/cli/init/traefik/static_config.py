"""Reads Traefik's static configuration: its file, else its flags, else its environment. Traefik never mixes them.

https://doc.traefik.io/traefik/reference/install-configuration/boot-environment/
"""

import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from app.cli.init.project.mounts import Mount, on_host
from app.cli.init.project.service_facts import (
    Service,
    image_name,
    pairs,
    words,
)

# In the order in which Traefik looks.
CONFIG_NAMES = ("traefik.toml", "traefik.yaml", "traefik.yml")
CONFIG_DIRECTORIES = (PurePosixPath("/etc/traefik"), PurePosixPath("/root/.config"), PurePosixPath("/"))

Key = tuple[str, ...]
Options = Mapping[Key, str]

_SECTIONS = frozenset(
    {
        *("entrypoints", "providers", "api", "metrics", "log", "accesslog", "ping", "global", "serverstransport"),
        *("tcpserverstransport", "certificatesresolvers", "tracing", "experimental", "hostresolver", "spiffe", "core"),
        "configfile",
    }
)
"""The first parts of Traefik's options. Other flags and variables do not belong to Traefik."""

_FLAG = re.compile(r"--?(?P<key>[A-Za-z][^=\s]*)(?:=(?P<value>.*))?", re.DOTALL)
_VARIABLE = "TRAEFIK_"
_CONFIG_FILE = ("configfile",)


class Form(StrEnum):
    """How a Traefik is configured."""

    FILE = "file"
    FLAGS = "flags"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class StaticConfig:
    """`options`: path of an option → its text; `file`: the static file on the host.

    `ignored`: there are flags too, which Traefik does not read. `unread`: `file` cannot be read; it is the path inside
    the container if it is not mounted from this host.
    """

    form: Form
    options: Options = field(default_factory=dict)
    file: Path | None = None
    ignored: bool = False
    unread: bool = False

    def get(self, *key: str) -> str | None:
        """The option at `key`, ignoring the case of its name."""
        return next((value for path, value in self.options.items() if _lower(path) == key), None)

    def within(self, *key: str) -> dict[Key, str]:
        """The options below `key`, each by the rest of its path."""
        return {path[len(key) :]: v for path, v in self.options.items() if _lower(path[: len(key)]) == key}

    def has(self, *key: str) -> bool:
        """Whether the part at `key` is on: it has a value or options, and is not `false`."""
        found = self.within(*key)
        return bool(found) and found.get((), "true").lower() != "false"


def find_traefik(services: Mapping[str, Service]) -> str | None:
    """The service that is Traefik, by its image, its command line or its name."""
    tests = (
        lambda _, service: image_name(service) == "traefik",
        lambda _, service: any(_lower(path)[:1] == ("entrypoints",) for path in _flags(service)),
        lambda name, _: "traefik" in name.lower(),
    )
    for test in tests:
        if found := next((name for name, service in services.items() if test(name, service)), None):
            return found
    return None


def static_config(service: Service, every: list[Mount]) -> StaticConfig:
    """The configuration that Traefik reads when it starts as `service`, with the mounts `every`."""
    flags, variables = _flags(service), _variables(service)
    named = next((value for path, value in flags.items() if _lower(path) == _CONFIG_FILE), None)
    others = {path: value for path, value in flags.items() if _lower(path) != _CONFIG_FILE}
    if file := _file(named, every):
        return StaticConfig(Form.FILE, dict(_flat(loaded(file) or {})), file, bool(others), loaded(file) is None)
    if variables and not flags:
        return StaticConfig(Form.ENVIRONMENT, variables)
    return StaticConfig(Form.FLAGS, others)


def loaded(file: Path) -> dict[str, Any] | None:
    """The content of a YAML or TOML file; None if it cannot be read or is not a mapping."""
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text) if file.suffix.lower() == ".toml" else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError):
        return None
    if content is None:
        return {}
    return content if isinstance(content, dict) else None


def _file(named: str | None, every: list[Mount]) -> Path | None:
    """The first file that exists; else one that a flag names or that is mounted itself."""
    places = [PurePosixPath(named)] if named else []
    places += [directory / name for directory in CONFIG_DIRECTORIES for name in CONFIG_NAMES]
    found = {place: on_host(every, place) for place in places}
    for path in found.values():
        if path and path.is_file():
            return path
    meant = [place for place in places if str(place) == named or any(m.target == place for m in every)]
    return next((found[place] or Path(place) for place in meant), None)


def _flags(service: Service) -> dict[Key, str]:
    """The flags `--a.b=c`, `--a.b c` and `--a.b`, including those in a shell line. A list may have several."""
    found: dict[Key, str] = {}
    every = list(_single(words(service.get("entrypoint")) + words(service.get("command"))))
    for word, following in pairwise([*every, ""]):
        match = _FLAG.fullmatch(word)
        if match and _is_option(key := tuple(match["key"].split("."))):
            alone = following if following and not following.startswith("-") else "true"
            value = alone if match["value"] is None else match["value"]
            more = key in found and _lower(key)[-1] == "middlewares"
            found[key] = f"{found[key]},{value}" if more else value
    return found


def _single(every: Iterable[str]) -> Iterator[str]:
    for word in every:
        try:
            yield from shlex.split(word) if " --" in word else [word]
        except ValueError:
            yield word


def _variables(service: Service) -> dict[Key, str]:
    every = pairs(service.get("environment")).items()
    found = {tuple(n[len(_VARIABLE) :].lower().split("_")): v for n, v in every if n.upper().startswith(_VARIABLE)}
    return {key: value for key, value in found.items() if _is_option(key)}


def _is_option(key: Key) -> bool:
    return key[0].lower() in _SECTIONS


def _flat(content: Mapping[str, Any], path: Key = ()) -> Iterator[tuple[Key, str]]:
    """Each value with its path; an empty part, such as `prometheus: {}`, is on."""
    for key, value in content.items():
        here = (*path, str(key))
        if isinstance(value, Mapping) and value:
            yield from _flat(value, here)
        elif isinstance(value, Mapping):
            yield here, "true"
        elif isinstance(value, list):
            yield here, ",".join(str(each) for each in value)
        elif value is not None:
            yield here, str(value).lower() if isinstance(value, bool) else str(value)


def _lower(path: Key) -> Key:
    return tuple(part.lower() for part in path)
