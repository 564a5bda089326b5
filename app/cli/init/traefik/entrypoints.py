"""Reads Traefik's entrypoints and the URLs by which the worker reaches them. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from app.cli.init.project.service_facts import port_number
from app.cli.init.traefik.dynamic.options import is_on
from app.cli.init.traefik.static.static_config import StaticConfig

OWN = frozenset({"traefik", "metrics", "ping", "dashboard", "api"})
"""Names of entrypoints that are usually Traefik's own. One of them belongs to the stack only if a router uses it."""

DEFAULT = "traefik"
"""The entrypoint that Traefik creates for its API, ping and metrics if they name none."""

DEFAULT_PORT = 8080

_PRIORITY = ("http", "redirections", "entrypoint", "priority")
_ADDRESS = re.compile(r".*:(\d{1,5})(?:/tcp)?")


@dataclass(frozen=True)
class EntryPoint:
    """`tls`: all of its routers use TLS; `redirects`: it only redirects clients, with the highest priority.

    `as_default`: routers that name no entrypoint use those with this option. `middlewares` run before those of each
    router.
    """

    name: str
    port: int
    tls: bool = False
    redirects: bool = False
    as_default: bool = False
    middlewares: tuple[str, ...] = ()


UNKNOWN = EntryPoint("web", 80)
"""Placeholder if no entrypoint of Traefik can be read; the file then has a question."""


def entrypoints(config: StaticConfig) -> dict[str, EntryPoint]:
    """Every entrypoint over TCP whose address can be read, by its name, of which the case does not count."""
    found: dict[str, dict[tuple[str, ...], str]] = {}
    names: dict[str, str] = {}
    for (name, *path), value in ((key, value) for key, value in config.within("entrypoints").items() if key):
        one = names.setdefault(name.lower(), name)
        found.setdefault(one, {})[tuple(part.lower() for part in path)] = value
    points = (_entrypoint(name, options) for name, options in found.items())
    return {point.name: point for point in points if point}


def routable(points: Mapping[str, EntryPoint], used: Collection[str], names: Collection[str]) -> dict[str, EntryPoint]:
    """The stack's entrypoints: the `used` ones, and others that are neither Traefik's own nor redirect.

    An entrypoint with the name of a routed service (`names`) is the stack's unless it redirects.
    """
    return {
        name: point
        for name, point in points.items()
        if name in used or (not point.redirects and (name in names or name.lower() not in OWN))
    }


def url(host: str, port: int, *, tls: bool) -> str:
    """The URL of an entrypoint inside the stack's network."""
    return f"{'https' if tls else 'http'}://{host}:{port}"


def _entrypoint(name: str, options: Mapping[tuple[str, ...], str]) -> EntryPoint | None:
    match = _ADDRESS.fullmatch(options.get(("address",), ""))
    port = port_number(match[1]) if match else None
    if port is None:
        return None
    tls = any(path[:2] == ("http", "tls") and value.lower() != "false" for path, value in options.items())
    redirects = any(path[:2] == ("http", "redirections") for path in options) and _PRIORITY not in options
    as_default = is_on(options.get(("asdefault",)))
    return EntryPoint(name, port, tls, redirects, as_default, tuple(_middlewares(options)))


def _middlewares(options: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """Their names; each of a list may be an option of its own, such as `http.middlewares[0]`."""
    for path, value in options.items():
        if path[:1] == ("http",) and len(path) > 1 and path[1].partition("[")[0] == "middlewares":
            yield from (name for each in value.split(",") if (name := each.strip()))
