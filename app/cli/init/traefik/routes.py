"""Reads routers and their servers from Traefik's dynamic configuration. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/http/
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.cli.init.project.service_facts import HTTP, HTTPS, entries
from app.domain.routes import is_own_middleware

_KEPT = frozenset({"entrypoints", "rule", "service", "priority", "tls", "middlewares", "observability"})
_KEPT_OF_TLS = frozenset({"certresolver", "options"})
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
    file cannot express. `health` is the path of Traefik's own health check.
    """

    where: str
    router: str
    servers: tuple[RouteTarget, ...]
    entrypoints: tuple[str, ...] = ()
    rule: str | None = None
    tls: bool = False
    health: str | None = None
    lost: tuple[str, ...] = ()
    file: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    of_service: Mapping[str, Any] = field(default_factory=dict)


Services = Mapping[str, tuple[Mapping[str, Any], str]]
"""Name → definition and file. A service of labels has a name with `@docker`, and no file."""


def all_services(documents: Mapping[str, Mapping[str, Any]], labeled: Mapping[str, Mapping[str, Any]]) -> Services:
    """The services of all files together, and those of labels. Traefik keeps the first definition of a name."""
    found: dict[str, tuple[Mapping[str, Any], str]] = {name: (each, "") for name, each in labeled.items()}
    for file, content in documents.items():
        for name, service in named(content, "http", "services"):
            found.setdefault(name, (service, file))
    return found


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
            used.update(_reached(service, services))
            found.append(route(f"router {name} in {file}", name, router, balancers(service, services), file))
    unused = [(n, s, f) for n, (s, f) in services.items() if f and n not in used and part(s, "loadbalancer")]
    return found + [route(f"service {n} in {file}", "", {}, [s], file) for n, s, file in unused]


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
    services: list[Mapping[str, Any]],
    file: str = "",
    *,
    provider: str = "file",
) -> FoundRoute:
    """The route of `router` to `services`, each with a load balancer. `provider` is Traefik's word for its source."""
    found = [balancer for s in services if isinstance(balancer := part(s, "loadbalancer"), Mapping)]
    tls = part(router, "tls")
    return FoundRoute(
        where,
        name,
        servers=tuple(server for each in found for server in _servers(each)),
        entrypoints=tuple(listed(part(router, "entrypoints"))),
        rule=str(part(router, "rule") or "") or None,
        tls=tls is not None and str(tls).lower() != "false",
        health=next((path for each in found if (path := _health(each))), None),
        lost=tuple(dict.fromkeys([*_lost_of_router(router), *(t for each in found for t in _lost(each))])),
        file=file,
        options=_options(router, provider),
        of_service=_of_service(found),
    )


def _options(router: Mapping[str, Any], provider: str) -> dict[str, Any]:
    tls, priority, options = part(router, "tls"), part(router, "priority"), dict[str, Any]()
    if tls is not None and str(tls).lower() != "false":
        kept = {str(key): value for key, value in tls.items() if _is_kept_of_tls(key, value)} if _is_map(tls) else {}
        options["tls"] = kept or True
    if names := [name for name in listed(part(router, "middlewares")) if not is_own_middleware(name)]:
        options["middlewares"] = [name if "@" in name else f"{name}@{provider}" for name in names]
    if _NUMBER.fullmatch(str(priority or "").strip()):
        options["priority"] = int(str(priority))
    return options


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_kept_of_tls(key: object, value: object) -> bool:
    return str(key).lower() in _KEPT_OF_TLS and isinstance(value, str)


def _of_service(balancers: list[Mapping[str, Any]]) -> dict[str, Any]:
    schemes = {server.scheme for each in balancers for server in _servers(each)}
    scheme = next(iter(schemes)) if len(schemes) == 1 else HTTP_SCHEME
    sticky = next((found for each in balancers if (found := part(each, "sticky")) is not None), None)
    return {
        **({"scheme": scheme} if scheme in _OTHER_SCHEMES else {}),
        **({"sticky": dict(sticky)} if isinstance(sticky, Mapping) else {}),
    }


def part(content: object, key: str) -> Any:
    """The value of `key` in a mapping, ignoring case, as Traefik does."""
    if not isinstance(content, Mapping):
        return None
    return next((value for name, value in content.items() if str(name).lower() == key), None)


def named(content: Mapping[str, Any], *path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The definitions below a path such as `http/routers`, by name."""
    found: Any = content
    for key in path:
        found = part(found, key)
    if isinstance(found, Mapping):
        yield from ((str(name), value) for name, value in found.items() if isinstance(value, Mapping))


def listed(value: object) -> list[str]:
    """The items of a list, or of a text with commas."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [str(each).strip() for each in parts if str(each).strip()]


def balancers(name: str, services: Services) -> list[Mapping[str, Any]]:
    """The definitions of the load balancers that the service `name` sends requests to."""
    return [services[each][0] for each in _reached(name, services) if part(services[each][0], "loadbalancer")]


def _reached(name: str, services: Services) -> list[str]:
    """`name` and every service behind it, each once: weighted, mirroring and failover services refer to others."""
    reached: list[str] = []
    waiting = [name]
    while waiting:
        now = waiting.pop(0)
        if now in services and now not in reached:
            reached.append(now)
            waiting += _behind(services[now][0])
    return reached


def _behind(service: Mapping[str, Any]) -> Iterator[str]:
    shared = (entries(part(part(service, kind), "services")) for kind in ("weighted", "highestrandomweight"))
    weighted = [each for listed_services in shared for each in listed_services]
    names = [part(each, "name") for each in weighted]
    names += [part(part(service, "mirroring"), "service")]
    names += [part(part(service, "failover"), key) for key in ("service", "fallback")]
    yield from (str(name).removesuffix("@file") for name in names if name)


def _servers(balancer: Mapping[str, Any]) -> Iterator[RouteTarget]:
    for each in entries(part(balancer, "servers")):
        try:
            url = urlsplit(str(part(each, "url") or ""))
            port = url.port
        except ValueError:
            continue
        if url.hostname:
            yield RouteTarget(url.hostname, port or (HTTPS if url.scheme == "https" else HTTP), url.scheme)


def _health(balancer: Mapping[str, Any]) -> str | None:
    """The path of the health check; None if the check has its own port: the updater probes the port of the traffic."""
    check = part(balancer, "healthcheck")
    path = str(part(check, "path") or "")
    return path if path.startswith("/") and not part(check, "port") else None


def _lost_of_router(router: Mapping[str, Any]) -> Iterator[str]:
    yield from _beside(router, _KEPT)
    if isinstance(tls := part(router, "tls"), Mapping):
        yield from (f"tls/{each}" for each in _beside(tls, _KEPT_OF_TLS))


def _lost(balancer: Mapping[str, Any]) -> Iterator[str]:
    yield from _beside(balancer, _KEPT_OF_BALANCER)
    if str(part(balancer, "passhostheader")).lower() == "false":
        yield "passHostHeader false"
    schemes = sorted({server.scheme for server in _servers(balancer)})
    if len(schemes) > 1 or set(schemes) - {HTTP_SCHEME, *_OTHER_SCHEMES}:
        yield f"{' and '.join(schemes)} to its servers"


def _beside(definition: Mapping[str, Any], kept: frozenset[str]) -> Iterator[str]:
    """The options other than the keys `kept` and those that the updater itself writes."""
    for key, value in definition.items():
        names = [name for name in listed(value) if not name.startswith(_OURS)] if _is_names(value) else None
        if str(key).lower() not in kept and names != []:
            yield f"{key} {', '.join(names)}" if names else str(key)


def _is_names(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))
