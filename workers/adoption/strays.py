"""Finds the files beside the route file that stop Traefik from following it: pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.domain.routing.routes import ClientRoute, precedence
from app.domain.stack import Stack
from workers.adoption.reach import hosts_of
from workers.adoption.serving import shadows
from workers.routing import route_file
from workers.routing.dynamic_file import read_tree
from workers.routing.routers import Router, Routing, read_routing
from workers.routing.servers import Hosts, host_form


@dataclass(frozen=True)
class Strays:
    """`files`: the strays. `unclear`: whether a router of another file takes requests of the stack's own routes.

    That file is a stray too if its router leads to the stack. If not, it belongs to someone else.
    """

    files: list[str]
    unclear: bool = False


def strays_in(files: Mapping[str, str], own: str, stack: Stack, hosts: Hosts) -> Strays:
    """The files that block `own`, unreadable ones too: one broken file makes Traefik ignore all.

    `hosts` are the names and addresses of the stack's containers, beside those that its files alone say.
    """
    others = {name: text for name, text in files.items() if name != own}
    known = {**hosts_of(stack, {}), **_in_file(files.get(own, ""), stack), **hosts}
    routing = read_routing(others, known)
    trees = {name: read_tree(name, others[name]) for name in routing.others}
    claiming = [name for name, tree in trees.items() if route_file.claims_our_names(tree, stack)]
    found = sorted({*routing.unreadable, *claiming, *shadows(stack, routing, own)})
    return Strays(found, any(router.file not in found for router in _rivals(stack, routing)))


def outranks(router: Router, route: ClientRoute) -> bool:
    """Whether Traefik may choose `router` for requests of `route`: they take the same, and its priority is no lower."""
    return router.takes(route) and precedence(router.rule, router.priority) >= precedence(route.rule, route.priority)


def _rivals(stack: Stack, routing: Routing) -> Iterator[Router]:
    for router in routing.routers:
        if not router.services and any(outranks(router, route) for s in stack.routed for route in s.routes):
            yield router


def _in_file(text: str, stack: Stack) -> Hosts:
    """The containers that the route file names, of both colors."""
    state = route_file.read(text, stack)
    copies = state.copies.items() if state else ()
    return {
        host_form(host): [(service, color)]
        for color, named in copies
        for service in stack.routed
        for host in named.get(service.name, ())
    }
