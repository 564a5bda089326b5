"""Finds routers of others that take the requests of the stack's own routes, or lose theirs to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.errors import RouteNotConfirmed
from app.domain.routing.matchers import RuleInvalid
from app.domain.routing.probe_request import secure
from app.domain.routing.routes import ClientRoute, precedence
from app.domain.routing.rule_match import takes
from app.domain.stack import Stack
from workers.adoption.adopt import find_all
from workers.adoption.reach import hosts_of
from workers.ports import Ports
from workers.routing import route_file
from workers.routing.loaded import FILE, is_one_of, read_loaded
from workers.routing.names import provider, router_names
from workers.routing.routers import Router, read_routing
from workers.routing.servers import Hosts

INTERNAL = "@internal"
"""The end of the names of the routers that Traefik makes for itself."""


async def conflicts(stack: Stack, ports: Ports) -> list[str]:
    """Each router of others that takes all requests of one of the stack's routes, or would lose all of its own to one.

    Traefik asks the router with the higher priority first, else the one with the longer rule. A router after the
    stack's is none if it has the same rule, or a lower priority than by its rule: a page for when nothing else answers.
    Routers in the watched directory are read from its files, the others from Traefik's API if the stack file names it.
    Raises EngineFailed.
    """
    try:
        files = await ports.route.files()
    except RouteNotConfirmed:
        return []  # the flip reports it
    hosts = hosts_of(stack, await find_all(stack, ports))
    others = {name: text for name, text in files.items() if not _own(name, text, stack, ports)}
    in_files = [router for router in read_routing(others, hosts).routers if not router.services]
    known = {f"{router.name}{FILE}" for router in read_routing(files, hosts).routers}
    return [
        *(line for router in in_files for line in _same(stack, router, in_file=True)),
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

    for router in read_loaded(content, hosts):
        is_beside = not is_one_of(router, known | {*router_names(stack)})
        if is_beside and not (router.services and router.name.endswith(FILE) and provider(stack) == FILE):
            yield from _same(stack, router, in_file=False)


def _same(stack: Stack, router: Router, *, in_file: bool) -> Iterator[str]:
    for service in stack.routed:
        for route in service.routes:
            if not _is_at(router, route, stack, in_file=in_file):
                continue
            where, same = f"routed/{service.name} (`{route.rule}` at {route.entrypoint})", router.takes(route)
            if precedence(router.rule, router.priority) >= precedence(route.rule, route.priority):
                if same or _takes(router.rule, route.rule):
                    yield f"{router.where} takes the same requests as {where} and {_remedy(router)}"
            elif not (same or router.services or _is_last_resort(router)) and _takes(route.rule, router.rule):
                yield (
                    f"{where} would take all requests of {router.where} (`{router.rule}`), which leads elsewhere: give "
                    f"each its own rule, such as its own host, or routed/{service.name} a lower priority"
                )


def _is_at(router: Router, route: ClientRoute, stack: Stack, *, in_file: bool) -> bool:
    """Whether both are asked for the same connections: on an entrypoint, Traefik keeps those with TLS apart.

    An entrypoint may give TLS to routers without `tls`. Traefik's API shows that; of a router in a file (`in_file`), it
    is taken for granted where the worker reaches the entrypoint by https.
    """
    point = stack.traefik.entrypoints[route.entrypoint]
    here = not router.entrypoints or route.entrypoint in router.entrypoints
    return here and secure(point, route) is (router.tls is not None or (in_file and point.secure))


def _takes(first: str, second: str) -> bool:
    try:
        return takes(first, second)
    except RuleInvalid:  # of another version of Traefik, or of a template
        return False


def _is_last_resort(router: Router) -> bool:
    """Whether it has a lower priority than its rule would give it, so that it answers only where nothing else does."""
    return router.priority != 0 and router.priority < len(router.rule)


def _remedy(router: Router) -> str:
    if router.name.endswith(INTERNAL):
        return "is Traefik's own, such as the redirect of a whole entrypoint: name another entrypoint for the route"
    if router.services:
        return "stays there after a flip: remove it, such as the labels of its container"
    return "leads elsewhere: give each its own rule, such as its own host"
