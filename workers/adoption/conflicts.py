"""Finds routers of others that take the requests of the stack's own routes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.domain.errors import RouteNotConfirmed
from app.domain.routing.probe_request import secure
from app.domain.routing.routes import ClientRoute, precedence
from app.domain.stack import Stack
from workers.adoption.adopt import find_all
from workers.adoption.reach import hosts_of
from workers.ports import Ports
from workers.routing import route_file
from workers.routing.loaded import FILE, is_one_of, read_loaded
from workers.routing.routers import Router, read_routing
from workers.routing.servers import Hosts

HasTls = Callable[[ClientRoute], bool]


async def conflicts(stack: Stack, ports: Ports) -> list[str]:
    """Each router of others that takes the same requests and leads elsewhere.

    Traefik would send the clients of both to one of the two. A router with a lower priority, such as a page for when
    nothing else answers, is none. Those in the watched directory are read from its files, the others from Traefik's API
    if the stack file names it. Raises EngineFailed.
    """
    try:
        files = await ports.route.files()
    except RouteNotConfirmed:
        return []  # the flip reports it
    hosts = hosts_of(stack, await find_all(stack, ports))
    others = {name: text for name, text in files.items() if not _own(name, text, stack, ports)}
    in_files = [router for router in read_routing(others, hosts).routers if not router.services]
    known = {router.name for router in read_routing(files, hosts).routers}
    return [
        *(line for router in in_files for line in _same(stack, router, lambda route: route.tls is not None)),
        *_beyond(stack, await _loaded(ports), hosts, known),
    ]


def _own(name: str, text: str, stack: Stack, ports: Ports) -> bool:
    return name == ports.route.file.name or route_file.read(text, stack) is not None


async def _loaded(ports: Ports) -> Mapping[str, Any]:
    """What Traefik's API says; empty if it cannot be read, which `doctor` reports."""
    try:
        return await ports.route.loaded()
    except RouteNotConfirmed:
        return {}


def _beyond(stack: Stack, content: Mapping[str, Any], hosts: Hosts, known: set[str]) -> Iterator[str]:
    """The conflicts with routers that are not in the watched files: of labels, or of any other provider.

    `known`: the names in these files. A router of another provider that leads to the stack stays after a flip, so that
    is a conflict too.
    """

    def has_tls(route: ClientRoute) -> bool:
        return secure(stack.traefik.entrypoints[route.entrypoint], route)

    for router in read_loaded(content, hosts):
        is_beside = not is_one_of(router, known | {name.removesuffix(FILE) for name in route_file.router_names(stack)})
        if is_beside and not (router.services and router.name.endswith(FILE)):
            yield from _same(stack, router, has_tls)


def _same(stack: Stack, router: Router, has_tls: HasTls) -> Iterator[str]:
    for service in stack.routed:
        for route in service.routes:
            if (router.tls is not None) is not has_tls(route):
                continue  # on one entrypoint, Traefik keeps connections with and without TLS apart
            first = precedence(router.rule, router.priority) >= precedence(route.rule, route.priority)
            if first and router.takes(route):
                where = f"routed/{service.name} (`{route.rule}` at {route.entrypoint})"
                yield f"{router.where} takes the same requests as {where} and {_remedy(router)}"


def _remedy(router: Router) -> str:
    if router.services:
        return "stays there after a flip: remove it, such as the labels of its container"
    return "leads elsewhere: give each its own rule, such as its own host"
