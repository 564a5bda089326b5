"""Finds routers of others that take the requests of the stack's own routes."""

from collections.abc import Iterator

from app.domain.errors import RouteNotConfirmed
from app.domain.routes import precedence
from app.domain.stack import Stack
from workers.adoption.adopt import find_all
from workers.adoption.serving import hosts_of
from workers.ports import Ports
from workers.routing import route_file
from workers.routing.routers import Router, read_routing


async def conflicts(stack: Stack, ports: Ports) -> list[str]:
    """Each router in another file of the watched directory that takes the same requests and leads elsewhere.

    Traefik would send the clients of both to one of the two. A router with a lower priority, such as a page for when
    nothing else answers, is none. Raises EngineFailed.
    """
    try:
        files = await ports.route.files()
    except RouteNotConfirmed:
        return []  # the flip reports it
    others = {name: text for name, text in files.items() if not _own(name, text, stack, ports)}
    routing = read_routing(others, hosts_of(stack, await find_all(stack, ports)))
    return [line for router in routing.routers if not router.services for line in _same(stack, router)]


def _own(name: str, text: str, stack: Stack, ports: Ports) -> bool:
    return name == ports.route.file.name or route_file.read(text, stack) is not None


def _same(stack: Stack, router: Router) -> Iterator[str]:
    for service in stack.routed:
        for route in service.routes:
            if (router.tls is None) is not (route.tls is None):
                continue  # on one entrypoint, Traefik keeps connections with and without TLS apart
            first = precedence(router.rule, router.priority) >= precedence(route.rule, route.priority)
            if first and router.takes(route):
                yield (
                    f"{router.where} takes the same requests as routed/{service.name} (`{route.rule}` at "
                    f"{route.entrypoint}) and leads elsewhere: give each its own rule, such as its own host"
                )
