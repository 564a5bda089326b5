"""URLs of colored services in the environment of any service: a list of what to check says port and path. Pure.

The variable's name says nothing; only host, port and path of a URL that leads to a colored service are kept.
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
    """A URL of the colored `service`, found in `where`. `path` is None when it is none to check."""

    service: str
    port: int
    path: str | None
    where: str


def listed_urls(services: Mapping[str, Service], hosts: Mapping[str, str]) -> list[Listed]:
    """`hosts`: host name → the colored service that answers to it."""
    return [
        found
        for name, service in services.items()
        for variable, value in pairs(service.get("environment")).items()
        for found in _of_value(value, f"{variable} of {name}", hosts)
    ]


def _of_value(value: str, where: str, hosts: Mapping[str, str]) -> Iterator[Listed]:
    """Nothing for a value that is no list of URLs."""
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
    """A path that is named after health, or that is asked of more than one colored service."""
    return bool(path.strip("/")) and (several or _HEALTH.fullmatch(path) is not None)


def _split(word: str) -> tuple[str, int, str] | None:
    """Host, port and path of an http or https URL."""
    try:
        url = urlsplit(word)
        port = url.port
    except ValueError:
        return None
    if url.scheme not in ("http", "https") or not url.hostname:
        return None
    return url.hostname, port or (HTTPS if url.scheme == "https" else HTTP), url.path
