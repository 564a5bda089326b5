"""Reads routers and their servers from Traefik's dynamic configuration. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/http/
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.cli.init.project.health_checks import ProbeAddress
from app.cli.init.project.service_facts import HTTP, HTTPS, entries
from app.cli.init.traefik.dynamic.balancer_health import balancer_health
from app.cli.init.traefik.dynamic.options import is_on, listed, named, part
from app.cli.init.traefik.dynamic.router_tls import kept_tls, lost_of_tls
from app.cli.init.traefik.dynamic.service_trees import Reached, Services, all_services, is_weightless, reached
from app.domain.routing.routes import is_own_middleware

_KEPT = frozenset({"entrypoints", "rule", "service", "priority", "tls", "middlewares", "observability"})
_KEPT_OF_BALANCER = frozenset({"servers", "healthcheck", "passhostheader", "sticky"})

_NUMBER = re.compile(r"-?[0-9]+")

HTTP_SCHEME = "http"
_OTHER_SCHEMES = frozenset({"https", "h2c"})
_OURS = "updater"
"""Prefix of the names that the updater itself writes."""


@dataclass(frozen=True)
class RouteTarget:
    """A server of a route. `port` is None if its label is missing."""

    host: str
    port: int | None
    scheme: str = "http"


@dataclass(frozen=True)
class FoundRoute:
    """One router, or one of Traefik's services without a router: then `rule` is None and `router` is empty.

    `where` is its source, for people. `file` is the dynamic file, empty for labels. `lost` are options that a stack
    file cannot express. `health` is what Traefik's own health check asks. `spare`: those of `servers` that get
    requests only if others fail. `unknown`: services that are defined nowhere here. `label_service`: the name of the
    service in its container's labels that it leads to, empty for the one that Traefik makes. `container`: the Compose
    service whose labels have it, empty for a file.
    """

    where: str
    router: str
    servers: tuple[RouteTarget, ...]
    entrypoints: tuple[str, ...] = ()
    rule: str | None = None
    tls: bool = False
    health: ProbeAddress | None = None
    lost: tuple[str, ...] = ()
    file: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    of_service: Mapping[str, Any] = field(default_factory=dict)
    spare: tuple[RouteTarget, ...] = ()
    unknown: tuple[str, ...] = ()
    label_service: str = ""
    container: str = ""


def routes(documents: Mapping[str, Mapping[str, Any]], services: Services | None = None) -> list[FoundRoute]:
    """The routes of all files together: a router may use a service of another file. `documents`: file → content.

    `services`: default: those of the files alone.
    """
    services = all_services(documents, {}) if services is None else services
    found, used, seen = [], set[str](), set[str]()
    for file, content in documents.items():
        for name, router in named(content, "http", "routers"):
            if name in seen:
                continue  # Traefik keeps the first definition
            seen.add(name)
            service = str(part(router, "service") or "").removesuffix("@file")
            behind = reached(service, services)
            used.update(behind.names)
            found.append(route(f"router {name} in {file}", name, router, behind, file))
    unused = [(n, s, f) for n, (s, f) in services.items() if f and n not in used and part(s, "loadbalancer")]
    return found + [route(f"service {n} in {file}", "", {}, Reached((n,), (s,)), file) for n, s, file in unused]


def skipped_routers(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Routers that Traefik skips, because an earlier file has one of the same name: name, file, earlier file."""
    seen: dict[str, str] = {}
    for file, content in documents.items():
        for name, _ in named(content, "http", "routers"):
            if (first := seen.setdefault(name, file)) != file:
                yield name, file, first


def route(
    where: str,
    name: str,
    router: Mapping[str, Any],
    behind: Reached,
    file: str = "",
    *,
    provider: str = "file",
) -> FoundRoute:
    """The route of `router` to the services `behind` it. `provider` is Traefik's word for its source."""
    found = _balancers((*behind.services, *behind.spare))
    tls = part(router, "tls")
    return FoundRoute(
        where,
        name,
        servers=tuple(server for each in found for server in _servers(each)),
        spare=tuple(server for each in _balancers(behind.spare) for server in _servers(each)),
        unknown=behind.unknown,
        entrypoints=tuple(listed(part(router, "entrypoints"))),
        rule=str(part(router, "rule") or "") or None,
        tls=tls is not None and str(tls).lower() != "false",
        health=next((check for each in found if (check := balancer_health(each))), None),
        lost=tuple(
            dict.fromkeys([*_lost_of_router(router), *behind.lost, *(t for each in found for t in _lost(each))])
        ),
        file=file,
        options=_options(router, provider),
        of_service=_of_service(found),
    )


def _balancers(services: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [balancer for each in services if isinstance(balancer := part(each, "loadbalancer"), Mapping)]


def _options(router: Mapping[str, Any], provider: str) -> dict[str, Any]:
    tls, priority, options = part(router, "tls"), part(router, "priority"), dict[str, Any]()
    if tls is not None and str(tls).lower() != "false":
        options["tls"] = kept_tls(tls) or True
    if names := [name for name in listed(part(router, "middlewares")) if not is_own_middleware(name)]:
        options["middlewares"] = [name if "@" in name else f"{name}@{provider}" for name in names]
    if _NUMBER.fullmatch(str(priority or "").strip()):
        options["priority"] = int(str(priority))
    return options


def _of_service(balancers: list[Mapping[str, Any]]) -> dict[str, Any]:
    schemes = {server.scheme for each in balancers for server in _servers(each)}
    scheme = next(iter(schemes)) if len(schemes) == 1 else HTTP_SCHEME
    sticky = next((found for each in balancers if (found := part(each, "sticky")) is not None), None)
    return {
        **({"scheme": scheme} if scheme in _OTHER_SCHEMES else {}),
        **({"sticky": dict(sticky)} if isinstance(sticky, Mapping) else {}),
    }


def _servers(balancer: Mapping[str, Any]) -> Iterator[RouteTarget]:
    """Those that get requests: one with the weight 0 gets none."""
    for each in entries(part(balancer, "servers")):
        try:
            url = urlsplit(str(part(each, "url") or ""))
            port = url.port
        except ValueError:
            continue
        if url.hostname and not is_weightless(each):
            yield RouteTarget(url.hostname, port or (HTTPS if url.scheme == "https" else HTTP), url.scheme)


def _lost_of_router(router: Mapping[str, Any]) -> Iterator[str]:
    yield from _beside(router, _KEPT)
    yield from lost_of_tls(part(router, "tls"))


def _lost(balancer: Mapping[str, Any]) -> Iterator[str]:
    yield from _beside(balancer, _KEPT_OF_BALANCER)
    if str(part(balancer, "passhostheader")).lower() == "false":
        yield "passHostHeader false"
    for each in entries(part(balancer, "servers")):
        if is_on(part(each, "preservepath")) and _path(str(part(each, "url") or "")):
            yield f"preservePath of {part(each, 'url')}"
    schemes = sorted({server.scheme for server in _servers(balancer)})
    if len(schemes) > 1 or set(schemes) - {HTTP_SCHEME, *_OTHER_SCHEMES}:
        yield f"{' and '.join(schemes)} to its servers"


def _path(url: str) -> str:
    """The path that a server adds to each request; empty if it adds none."""
    try:
        return urlsplit(url).path.strip("/")
    except ValueError:
        return ""


def _beside(definition: Mapping[str, Any], kept: frozenset[str]) -> Iterator[str]:
    """The options other than the keys `kept` and those that the updater itself writes."""
    for key, value in definition.items():
        names = [name for name in listed(value) if not name.startswith(_OURS)] if _is_names(value) else None
        if str(key).lower() not in kept and names != []:
            yield f"{key} {', '.join(names)}" if names else str(key)


def _is_names(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))
