"""Finds URLs of colored services in the environment of any service, such as lists of URLs to monitor. Pure.

The variable's name does not matter. Only host, port and path of a URL that leads to a colored service are kept.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.cli.init.project.service_facts import (
    HTTP,
    HTTPS,
    Service,
    pairs,
)

_BETWEEN = re.compile(r"[\s,;]+")
_AROUND = "\"'[]"
_HEALTH = re.compile(
    r"/(?:[^/]+/)*[._-]?(?:health\w*|live(?:z|ness)?|ready(?:z|ness)?|readiness|alive|heartbeat|ping|up|status|probe|check)"
    r"(?:[/._-][^/]*)*"
)


@dataclass(frozen=True)
class Listed:
    """A URL of the colored `service`, found in `where`. `path` is None if it is not a health path."""

    service: str
    port: int
    path: str | None
    where: str


def listed_urls(services: Mapping[str, Service], hosts: Mapping[str, str]) -> list[Listed]:
    """The URLs of colored services. `hosts`: host name → the colored service with that name."""
    return [
        found
        for name, service in services.items()
        for variable, value in pairs(service.get("environment")).items()
        for found in _of_value(value, f"{variable} of {name}", hosts)
    ]


def _of_value(value: str, where: str, hosts: Mapping[str, str]) -> Iterator[Listed]:
    """The URLs in `value`; none if it is not a list of URLs."""
    if "://" not in value:
        return
    parts = [_split(word.strip(_AROUND)) for word in _BETWEEN.split(value.strip()) if word.strip(_AROUND)]
    urls = [part for part in parts if part]
    if len(urls) < len(parts):
        return
    paths: dict[str, set[str]] = {}
    for host, _, path in urls:
        paths.setdefault(path, set()).add(hosts.get(host, ""))
    for host, port, path in urls:
        if host in hosts:
            several = len(paths[path] - {""}) > 1
            yield Listed(hosts[host], port, path if _to_check(path, several=several) else None, where)


def _to_check(path: str, *, several: bool) -> bool:
    """Whether `path` is a health path: by its name, or because several colored services have it in the list."""
    plain = path.partition("?")[0]
    return bool(plain.strip("/")) and (several or _HEALTH.fullmatch(plain) is not None)


def _split(word: str) -> tuple[str, int, str] | None:
    """Host, port, and path with query, of an http or https URL; None for anything else."""
    try:
        url = urlsplit(word)
        port = url.port
    except ValueError:
        return None
    if url.scheme not in ("http", "https") or not url.hostname:
        return None
    query = f"?{url.query}" if url.query else ""
    return url.hostname, port or (HTTPS if url.scheme == "https" else HTTP), f"{url.path}{query}"
