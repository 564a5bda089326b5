"""Reads routes from a service's Traefik labels. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.cli.init.project.service_facts import HTTP, Service, listening, pairs, port_number
from app.cli.init.traefik.dynamic.options import listed, part
from app.cli.init.traefik.dynamic.routes import HTTP_SCHEME, FoundRoute, RouteTarget, route
from app.cli.init.traefik.dynamic.service_trees import Reached, Services, reached

_LABEL = re.compile(
    r"traefik\.http\.(?P<kind>routers|services|middlewares)\.(?P<name>[^.]+)\.(?P<path>.+)", re.IGNORECASE
)
_FALSE = frozenset({"false", "f", "0"})
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9]+")


def label_routes(name: str, service: Service) -> list[FoundRoute]:
    """A route for each router that leads to its own container; none if `traefik.enable` is false.

    `name` is the Compose service.
    """
    labels = pairs(service.get("labels"))
    if is_disabled(service):
        return []
    routers, services = _named(labels, "routers"), _named(labels, "services")
    own = {each: target for each in routers if (target := _own_service(routers[each], services)) is not None}
    here = {each: target for each, target in own.items() if not _elsewhere(services.get(target, {}))}
    found = [_route(name, each, routers[each], services, target) for each, target in here.items()]
    bare = [] if own else [each for each in services if not _elsewhere(services[each])]
    return found or [_route(name, "", {}, services, each) for each in bare]


def has_routers(service: Service) -> bool:
    return bool(_named(pairs(service.get("labels")), "routers"))


def label_routers(service: Service) -> dict[str, tuple[Mapping[str, Any], str | None]]:
    """Each router in the labels → its options, and the service of the same labels to which it leads."""
    labels = pairs(service.get("labels"))
    services = _named(labels, "services")
    return {name: (each, _own_service(each, services)) for name, each in _named(labels, "routers").items()}


def is_disabled(service: Service) -> bool:
    """Whether Traefik reads none of its labels, because `traefik.enable` is false."""
    enable = next((v for k, v in pairs(service.get("labels")).items() if k.lower() == "traefik.enable"), "true")
    return enable.strip().lower() in _FALSE


def _own_service(router: Mapping[str, Any], services: Mapping[str, object]) -> str | None:
    """The one of the container's own `services` that `router` leads to; empty for the one that Traefik makes.

    None if it names another one, or none of several: Traefik then skips the router.
    https://doc.traefik.io/traefik/routing/providers/service-by-label
    """
    named = _plain(str(part(router, "service") or ""))
    if not named:
        return next(iter(services), "") if len(services) <= 1 else None
    return named if named in services else None


def _elsewhere(service: Mapping[str, Any]) -> str:
    """The URL to which the service leads, in place of its own container; empty if there is none."""
    return str(part(part(part(service, "loadbalancer"), "server"), "url") or "")


def _plain(service: str) -> str:
    """Without the provider of container labels. A service of another one, such as `web@swarm`, is another service."""
    return service.removesuffix("@docker")


def _route(
    name: str, router_name: str, router: dict[str, Any], services: Mapping[str, Mapping[str, Any]], target: str
) -> FoundRoute:
    service = services.get(target, {})
    server = part(part(service, "loadbalancer"), "server") or {}
    port, scheme = port_number(str(part(server, "port") or "")), str(part(server, "scheme") or "http")
    balancer = {key: value for key, value in (part(service, "loadbalancer") or {}).items() if key != "server"}
    found = route(
        f"label of {name}", router_name, router, Reached((), ({"loadbalancer": balancer},)), provider="docker"
    )
    of_service = {**({"scheme": scheme} if scheme != HTTP_SCHEME else {}), **found.of_service}
    server_here = (RouteTarget(name, port, scheme),)
    return replace(found, servers=server_here, of_service=of_service, label_service=target, container=name)


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
    url = _elsewhere(options) or f"{part(server, 'scheme') or HTTP_SCHEME}://{name}:{port}"
    return {"loadbalancer": {**{k: v for k, v in balancer.items() if k != "server"}, "servers": [{"url": url}]}}


def routes_elsewhere(name: str, service: Service, services: Services) -> Iterator[FoundRoute]:
    """The routers in labels of the Compose service `name` that name a service of another container or of a file."""
    labels = pairs(service.get("labels"))
    own = _named(labels, "services")
    for router_name, router in _named(labels, "routers").items():
        target = _plain(str(part(router, "service") or "") or _own_service(router, own) or "")
        if not target or (target in own and not _elsewhere(own[target])):
            continue
        key = target.removesuffix("@file") if "@" in target else f"{target}@docker"
        found = route(f"label of {name}", router_name, router, reached(key, services), provider="docker")
        yield replace(found, container=name)


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
    """Name, path of the option, and its value.

    Traefik sorts the labels, and takes names that differ only in case for one: the first one of them. It ignores
    `middlewares[0]`: the texts of a list are one label.
    https://github.com/traefik/paerser/blob/master/parser/node.go
    """
    names: dict[str, str] = {}
    found: dict[tuple[str, str], str] = {}
    for label, value in sorted(labels.items()):
        match = _LABEL.fullmatch(label)
        if match and match["kind"].lower() == kind:
            name = names.setdefault(match["name"].lower(), match["name"])
            found[name, match["path"].lower()] = value.replace("$$", "$")  # Compose's own escape, in files and output
    yield from ((name, path.split("."), value) for (name, path), value in found.items())
