"""Finds what a dynamic file of Traefik has beside the routes of the stack: the worker replaces its whole file. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from app.cli.init.traefik.dynamic.options import named, part
from app.cli.init.traefik.dynamic.service_trees import all_services, reached
from app.domain.routing.routes import is_own_middleware

Documents = Mapping[str, Mapping[str, Any]]
_OWN_TRANSPORT = "updater"


def other_content(file: str, documents: Documents, routers: Collection[str]) -> list[str]:
    """What `file` has that the worker would not write. `routers` are the stack's; `documents`: file → content."""
    if file not in documents:
        return ["content that cannot be read"]
    content = documents[file]
    others = [str(key) for key, value in content.items() if str(key).lower() != "http" and value]
    return [*others, *_of_http(content, _services(documents, routers), routers)]


def _of_http(content: Mapping[str, Any], services: Collection[str], routers: Collection[str]) -> Iterator[str]:
    yield from (f"router {name}" for name, _ in named(content, "http", "routers") if name not in routers)
    yield from (f"service {name}" for name, _ in named(content, "http", "services") if name not in services)
    middlewares = (name for name, _ in named(content, "http", "middlewares") if not is_own_middleware(name))
    yield from (f"middleware {name}" for name in middlewares)
    transports = (name for name, _ in named(content, "http", "serverstransports"))
    yield from (f"serversTransport {name}" for name in transports if not name.startswith(_OWN_TRANSPORT))


def _services(documents: Documents, routers: Collection[str]) -> set[str]:
    """The services that only `routers` use."""
    used: dict[bool, set[str]] = {True: set(), False: set()}
    services = all_services(documents, {})
    for content in documents.values():
        for name, router in named(content, "http", "routers"):
            target = str(part(router, "service") or "").removesuffix("@file")
            used[name in routers].update(reached(target, services).names)
    return used[True] - used[False]
