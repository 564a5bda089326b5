"""Reads routes from a service's Traefik labels. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.cli.init.project.service_facts import HTTP, Service, listening, pairs, port_number
from app.cli.init.traefik.routes import (
    HTTP_SCHEME,
    FoundRoute,
    RouteTarget,
    Services,
    balancers,
    listed,
    part,
    route,
)

_LABEL = re.compile(
    r"traefik\.http\.(?P<kind>routers|services|middlewares)\.(?P<name>[^.]+)\.(?P<path>.+)", re.IGNORECASE
)
_ITEM = re.compile(r"\[\d+\]$")
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9]+")


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


def label_services(name: str, service: Service, project: str) -> dict[str, dict[str, Any]]:
    """The services of Traefik that the labels of the Compose service `name` define, as a file would define them.

    A container without one has a service named by Compose's service and project.
    """
    defined = _named(pairs(service.get("labels")), "services")
    own = {f"{_NOT_A_NAME.sub('-', f'{name}_{project}')}": dict[str, Any]()}
    return {f"{each}@docker": _as_in_a_file(name, service, options) for each, options in (defined or own).items()}


def _as_in_a_file(name: str, service: Service, options: Mapping[str, Any]) -> dict[str, Any]:
    balancer = part(options, "loadbalancer") or {}
    server = part(balancer, "server") or {}
    port = port_number(str(part(server, "port") or "")) or min(listening(service), default=HTTP)
    url = f"{part(server, 'scheme') or HTTP_SCHEME}://{name}:{port}"
    return {"loadbalancer": {**{k: v for k, v in balancer.items() if k != "server"}, "servers": [{"url": url}]}}


def routes_elsewhere(name: str, service: Service, services: Services) -> Iterator[FoundRoute]:
    """The routers in labels of the Compose service `name` that lead to another container, by one of `services`."""
    for router_name, router in _named(pairs(service.get("labels")), "routers").items():
        target = str(part(router, "service") or "")
        key = target.removesuffix("@file") if "@" in target else f"{target}@docker"
        yield route(f"label of {name}", router_name, router, balancers(key, services), provider="docker")


def chains(service: Service) -> dict[str, list[str]]:
    """The chains that the service's labels define: name → the middlewares in it."""
    defined = _named(pairs(service.get("labels")), "middlewares")
    return {name: listed(part(part(each, "chain"), "middlewares")) for name, each in defined.items()}


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
    """Name, path of the option, and its value. The items of a list may be labels of their own: `middlewares[0]`."""
    found: dict[tuple[str, str], str] = {}
    for label, value in labels.items():
        match = _LABEL.fullmatch(label)
        if match and match["kind"].lower() == kind:
            key = match["name"], _ITEM.sub("", match["path"].lower())
            found[key] = f"{found[key]},{value}" if key in found and _ITEM.search(label) else value
    yield from ((name, path.split("."), value) for (name, path), value in found.items())
