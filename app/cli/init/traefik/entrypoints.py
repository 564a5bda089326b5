"""Reads Traefik's entrypoints and the URLs by which the worker reaches them. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.cli.init.project.service_facts import HTTPS, port_number
from app.cli.init.traefik.static_config import StaticConfig

OWN = frozenset({"traefik", "metrics", "ping", "dashboard", "api"})
"""Names of entrypoints that are usually Traefik's own. One of them belongs to the stack only if a router uses it."""

DEFAULT = "traefik"
"""The entrypoint that Traefik creates for its API, ping and metrics if they name none."""

DEFAULT_PORT = 8080

_ADDRESS = re.compile(r".*:(\d{1,5})(?:/tcp)?")


@dataclass(frozen=True)
class EntryPoint:
    """`tls`: all of its routers use TLS; `redirects`: it only redirects clients."""

    name: str
    port: int
    tls: bool = False
    redirects: bool = False


def entrypoints(config: StaticConfig) -> dict[str, EntryPoint]:
    """Every entrypoint over TCP whose address can be read, by its name."""
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for (name, *path), value in ((key, value) for key, value in config.within("entrypoints").items() if key):
        found.setdefault(name, {})[tuple(part.lower() for part in path)] = value
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
    return f"https://{host}:{port}" if tls or port == HTTPS else f"http://{host}:{port}"


def _entrypoint(name: str, options: Mapping[tuple[str, ...], str]) -> EntryPoint | None:
    match = _ADDRESS.fullmatch(options.get(("address",), ""))
    port = port_number(match[1]) if match else None
    if port is None:
        return None
    tls = any(path[:2] == ("http", "tls") and value.lower() != "false" for path, value in options.items())
    redirects = any(path[:2] == ("http", "redirections") for path in options)
    return EntryPoint(name, port, tls, redirects)
