"""Finds routers of Traefik for TCP that lead to a colored service. The updater has no such routes. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/tcp/router/rules-and-priority/
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.cli.init.project.service_facts import Service, entries, pairs
from app.cli.init.traefik.dynamic.options import listed, named, part

_ROUTERS = "traefik.tcp.routers."


@dataclass(frozen=True)
class Stream:
    """One router. `guards`: what may keep a client out, which the service would lose."""

    where: str
    guards: tuple[str, ...]


def streams(documents: Mapping[str, Mapping[str, Any]], hosts: Collection[str]) -> Iterator[Stream]:
    """The routers of the files that lead to one of `hosts`."""
    services = {name: each for content in documents.values() for name, each in named(content, "tcp", "services")}
    for file, content in documents.items():
        for name, router in named(content, "tcp", "routers"):
            target = services.get(str(part(router, "service") or "").removesuffix("@file"), {})
            if any(host in hosts for host in _hosts(target, services)):
                yield Stream(f"router {name} in {file} (TCP)", tuple(_guards(router)))


def label_streams(name: str, service: Service) -> Iterator[Stream]:
    """The routers in labels of the Compose service `name`."""
    found: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for label, value in sorted(pairs(service.get("labels")).items()):
        if label.lower().startswith(_ROUTERS):
            written, _, option = label[len(_ROUTERS) :].partition(".")
            router = names.setdefault(written.lower(), written)
            is_guard = option.lower().startswith("middlewares") or option.lower() == "tls.options"
            found.setdefault(router, []).extend([value] if is_guard else [])
    yield from (Stream(f"router {router} in labels of {name} (TCP)", tuple(found[router])) for router in found)


def _hosts(service: Mapping[str, Any], services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The hosts behind a service, also behind those that a weighted one names."""
    for each in entries(part(part(service, "weighted"), "services")):
        yield from _hosts_of(services.get(str(part(each, "name")).removesuffix("@file"), {}))
    yield from _hosts_of(service)


def _hosts_of(service: Mapping[str, Any]) -> Iterator[str]:
    for server in entries(part(part(service, "loadbalancer"), "servers")):
        yield str(part(server, "address") or "").rpartition(":")[0].lower()


def _guards(router: Mapping[str, Any]) -> Iterator[str]:
    yield from listed(part(router, "middlewares"))
    if options := str(part(part(router, "tls"), "options") or ""):
        yield f"TLS options {options}"
