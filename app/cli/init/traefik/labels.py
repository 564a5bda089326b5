"""Reads routes from a service's Traefik labels. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.cli.init.project.service_facts import Service, pairs, port_number
from app.cli.init.traefik.routes import (
    HTTP_SCHEME,
    FoundRoute,
    RouteTarget,
    part,
    route,
)

_LABEL = re.compile(
    r"traefik\.http\.(?P<kind>routers|services|middlewares)\.(?P<name>[^.]+)\.(?P<path>.+)", re.IGNORECASE
)


def label_routes(name: str, service: Service) -> list[FoundRoute]:
    """A route for each router; none if `traefik.enable` is false. `name` is the Compose service."""
    labels = pairs(service.get("labels"))
    if next((v for k, v in labels.items() if k.lower() == "traefik.enable"), "true").strip().lower() == "false":
        return []
    routers, services = _named(labels, "routers"), _named(labels, "services")
    found = [_route(name, each, router, services) for each, router in routers.items()]
    return found or [_route(name, "", {}, {each: services[each]}) for each in services]


def _route(name: str, router_name: str, router: dict[str, Any], services: Mapping[str, dict[str, Any]]) -> FoundRoute:
    only = next(iter(services)) if len(services) == 1 else ""
    service = services.get(str(part(router, "service") or only), {})
    server = part(part(service, "loadbalancer"), "server") or {}
    port, scheme = port_number(str(part(server, "port") or "")), str(part(server, "scheme") or "http")
    balancer = {key: value for key, value in (part(service, "loadbalancer") or {}).items() if key != "server"}
    found = route(f"label of {name}", router_name, router, [{"loadbalancer": balancer}], provider="docker")
    of_service = {**({"scheme": scheme} if scheme != HTTP_SCHEME else {}), **found.of_service}
    return replace(found, servers=(RouteTarget(name, port, scheme),), of_service=of_service)


def defined_middlewares(service: Service) -> list[str]:
    """The names of the middlewares that the service's labels define."""
    return sorted(_named(pairs(service.get("labels")), "middlewares"))


def _named(labels: Mapping[str, str], kind: str) -> dict[str, dict[str, Any]]:
    """Name → the nested options of the routers or services, with keys in lower case."""
    found: dict[str, dict[str, Any]] = {}
    for name, path, value in _split(labels, kind):
        *parents, last = path
        here = found.setdefault(name, {})
        for parent in parents:
            below = here.get(parent)
            here[parent] = here = below if isinstance(below, dict) else {}
        here.setdefault(last, value)
    return found


def _split(labels: Mapping[str, str], kind: str) -> Iterator[tuple[str, list[str], str]]:
    for label, value in labels.items():
        match = _LABEL.fullmatch(label)
        if match and match["kind"].lower() == kind:
            yield match["name"], match["path"].lower().split("."), value
