"""What of Traefik's configuration cannot be read here: it may have routers, middlewares or TLS options of the stack."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from app.cli.init.project.mounts import Mount, mount_of
from app.cli.init.project.service_facts import Service, words
from app.cli.init.traefik.static.config_file import is_absent
from app.cli.init.traefik.static.plain_image import is_plain
from app.cli.init.traefik.static.static_config import Form, StaticConfig, config_directories, searched_before

READ = frozenset({"file", "docker", "swarm", "providersthrottleduration", "precedence"})
"""The providers whose routers `init` reads, and the options beside them.

https://doc.traefik.io/traefik/reference/install-configuration/providers/overview/
"""


@dataclass(frozen=True)
class Unread:
    """`name`: a path in Traefik's container, or an option; `here`: the path on this machine, if it has another.

    `why`: the rest of a sentence about it.
    """

    name: str
    why: str
    here: str = ""

    @property
    def names(self) -> frozenset[str]:
        """The names that an answer may use."""
        return frozenset({self.name, self.here or self.name})

    @property
    def text(self) -> str:
        return f"{self.name}{f' ({self.here} here)' if self.here else ''} {self.why}"


_STARTED = re.compile(r"\s*(?:exec\s+)?(?:\S*/)?traefik(?:\s[^;&|`]*)?", re.DOTALL)
_START = PurePosixPath("/entrypoint.sh")
"""Of the official image: it runs Traefik with the options of the command, or another command as it is."""


def unknown_start(service: Service, every: list[Mount]) -> Iterator[Unread]:
    """What runs in place of Traefik, and may add options or write a static file before it starts Traefik."""
    entrypoint, command = words(service.get("entrypoint")), words(service.get("command"))
    key, started = ("entrypoint", [*entrypoint, *command]) if entrypoint else ("command", command)
    mounted = any(mount.target == _START for mount in every)
    if started[:1] == [str(_START)]:
        key, started = "command", started[1:]
    if mounted and (not entrypoint or entrypoint[:1] == [str(_START)]):
        yield Unread(str(_START), "is mounted over that of the image: it may start Traefik with other options")
    if started and not started[0].startswith("-") and not _STARTED.fullmatch(_line(started)):
        yield Unread(key, f"runs {started[0]}, which may start Traefik with other options or write a static file")


def _line(started: list[str]) -> str:
    """What a shell runs, if it runs one line; else the program."""
    first, *rest = started
    is_line = PurePosixPath(first).name in {"sh", "ash", "bash"} and rest[:1] == ["-c"]
    return " ".join(rest[1:]) if is_line else first


def unread_options(service: Service, config: StaticConfig, every: list[Mount]) -> Iterator[Unread]:
    """What hides Traefik's static configuration, and the providers that only Traefik reads."""
    if config.unread:
        here = "" if str(config.file) == str(config.inside) else str(config.file)
        yield Unread(str(config.inside), f"{config.why}: it may set entrypoints with middlewares, and providers", here)
    elif config.form is not Form.FILE:
        yield from _hidden_files(service, every)
    if config.form is Form.FILE and config.inside:
        yield from _earlier_file(service, config.inside, every)
    yield from unknown_start(service, every)
    for provider in ("docker", "swarm"):
        if config.get("providers", provider, "constraints"):
            chosen = f"providers.{provider}.constraints"
            yield Unread(chosen, "chooses the containers whose labels Traefik reads")
    for name in sorted({path[0] for path in config.within("providers") if path and path[0].lower() not in READ}):
        if config.has("providers", name.lower()):
            yield Unread(f"providers.{name}", "is a provider whose routers only Traefik knows")


def _earlier_file(service: Service, inside: PurePosixPath, every: list[Mount]) -> Iterator[Unread]:
    """The first place before that of the static file at `inside` that cannot be seen: Traefik reads one file only."""
    for path in searched_before(service, inside):
        mount = mount_of(every, path)
        if mount is None and not is_plain(service):
            yield Unread(str(path), f"may be in the image: Traefik would read it in place of {inside}")
            return
        if mount and (mount.source is None or is_absent(mount.source)):
            yield Unread(str(path), f"{mount.place}: Traefik would read it in place of {inside}")
            return


def _hidden_files(service: Service, every: list[Mount]) -> Iterator[Unread]:
    """Where a static file may be, which Traefik would read in place of its flags and environment."""
    for directory in config_directories(service):
        mount = mount_of(every, directory)
        if mount and (mount.source is None or is_absent(mount.source)):
            yield Unread(str(directory), f"{mount.place}: it may have a static file")
    if not is_plain(service):
        yield Unread("traefik.yml", "may be in the image: Traefik would read it in place of its flags and environment")
