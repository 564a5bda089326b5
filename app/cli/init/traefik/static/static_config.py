"""Reads Traefik's static configuration: its file, else its flags, else its environment. Traefik never mixes them.

https://doc.traefik.io/traefik/reference/install-configuration/boot-environment/
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from app.cli.init.project.mounts import Mount, mount_of, on_host
from app.cli.init.project.service_facts import (
    Service,
    image_name,
    pairs,
    words,
)
from app.cli.init.traefik.static.config_file import Unreadable, is_absent, read_static
from app.cli.init.traefik.static.plain_image import placed

# In the order in which Traefik looks.
CONFIG_NAMES = ("traefik.toml", "traefik.yaml", "traefik.yml")
_FIRST = "/etc/traefik"
_ROOT = frozenset({"", "0", "root"})

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

_HELPER = re.compile(
    r"auth|certs?[-_.]|dumper|exporter|whoami|socket|docker[-_.]?proxy|logrotate|fail2ban|crowdsec|bouncer",
    re.IGNORECASE,
)
"""In names of programs that run beside Traefik, such as traefik-forward-auth and traefik-certs-dumper."""

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

    `ignored`: there are flags too, which Traefik does not read. `unread`: `file` cannot be read, and `why`, as the rest
    of a sentence. `inside` is its path in the container, also `file` if it is not mounted from this host.
    """

    form: Form
    options: Options = field(default_factory=dict)
    file: Path | None = None
    ignored: bool = False
    unread: bool = False
    inside: PurePosixPath | None = field(default=None, compare=False)
    why: str = field(default="", compare=False)

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


_SURE: tuple[Callable[[str, Service], bool], ...] = (
    lambda _, service: image_name(service) == "traefik",
    lambda _, service: any(_lower(path)[:1] == ("entrypoints",) for path in _flags(service)),
)
"""What only Traefik has, surest first."""


def _is_named(name: str, service: Service) -> bool:
    """Whether its name is Traefik's, and not that of a helper: no name or image may be one of those."""
    return "traefik" in name.lower() and not any(_HELPER.search(each) for each in (name, image_name(service)))


def find_traefik(services: Mapping[str, Service]) -> str | None:
    """The service that is Traefik, by its image, its command line or its name."""
    for test in (*_SURE, _is_named):
        if found := next((name for name, service in services.items() if test(name, service)), None):
            return found
    return None


def other_traefiks(services: Mapping[str, Service], found: str) -> list[str]:
    """The services that are Traefik too, beside the one that was `found`: by their image or command line."""
    return [name for name, each in services.items() if name != found and any(test(name, each) for test in _SURE)]


def static_config(service: Service, every: list[Mount]) -> StaticConfig:
    """The configuration that Traefik reads when it starts as `service`, with the mounts `every`."""
    flags, variables = _flags(service), _variables(service)
    named = next((value for path, value in flags.items() if _lower(path) == _CONFIG_FILE), None)
    others = {path: value for path, value in flags.items() if _lower(path) != _CONFIG_FILE}
    if inside := _file(named, service, every):
        return _in_file(inside, every, ignored=bool(others))
    if variables and not flags:
        return StaticConfig(Form.ENVIRONMENT, variables)
    return StaticConfig(Form.FLAGS, others)


def _in_file(inside: PurePosixPath, every: list[Mount], *, ignored: bool) -> StaticConfig:
    """The configuration of the file at `inside` of the container."""
    file, why = on_host(every, inside), ""
    try:
        options = dict(_flat(read_static(file))) if file else {}
    except (Unreadable, RecursionError) as error:
        options, why = {}, str(error) if isinstance(error, Unreadable) else "refers to itself"
    if file is None:
        mount = mount_of(every, inside)
        why = mount.place if mount else "is not mounted from this machine"
    return StaticConfig(Form.FILE, options, file or Path(inside), ignored, bool(why), inside, why)


def config_directories(service: Service) -> list[PurePosixPath]:
    """Where Traefik looks for a static file in `service`, in its order.

    https://doc.traefik.io/traefik/getting-started/configuration-overview/#configuration-file
    """
    environment = pairs(service.get("environment"))
    user = str(service.get("user") or "").partition(":")[0]
    homes = [environment["HOME"]] if environment.get("HOME") else ["/root", *([] if user in _ROOT else ["/"])]
    found = [_FIRST, environment.get("XDG_CONFIG_HOME") or "/", *(f"{home}/.config" for home in homes)]
    every = (placed(each, service) for each in (*found, "."))
    return list(dict.fromkeys(each for each in every if each))


def _file(named: str | None, service: Service, every: list[Mount]) -> PurePosixPath | None:
    """The path in the container of the file that a flag names, else of the first one that exists or is mounted."""
    if named:
        return placed(named, service) or PurePosixPath(named)
    for inside in (directory / name for directory in config_directories(service) for name in CONFIG_NAMES):
        here = on_host(every, inside)
        if (here and not is_absent(here)) or any(mount.target == inside for mount in every):
            return inside
    return None


def searched_before(service: Service, inside: PurePosixPath) -> list[PurePosixPath]:
    """The paths in the container that Traefik tries before `inside`; none if a flag names its static file."""
    if any(_lower(path) == _CONFIG_FILE for path in _flags(service)):
        return []
    every = [directory / name for directory in config_directories(service) for name in CONFIG_NAMES]
    return every[: every.index(inside)] if inside in every else []


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
