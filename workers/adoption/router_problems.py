"""Why the routers of an unknown stack cannot be replaced by the updater's own. Pure functions."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from app.domain.routing.routes import ClientRoute, precedence
from app.domain.stack import RoutedService, Stack
from workers.adoption.reach import is_address
from workers.adoption.singles import not_compared, staying_problems
from workers.routing.routers import Router, Routing
from workers.routing.servers import host_form

SHOWN = 5
"""How many foreign names a message lists."""


def router_problems(stack: Stack, routing: Routing, ours: Sequence[Router]) -> Iterator[str]:
    """Everything in Traefik's files that forbids the adoption. `ours`: the routers that lead to the stack."""
    yield from _unreadable(routing)
    yield from _ambiguous(routing)
    yield from _streams(routing)
    yield from _routes(stack, routing, ours)
    yield from _foreign(routing, ours)


def _unreadable(routing: Routing) -> Iterator[str]:
    for file, why in routing.unreadable.items():
        yield f"{file} cannot be read ({why}), and Traefik ignores a directory with a broken file: correct the file"
    for file in routing.templates:
        yield f"{file} is a template that names services of the stack: write its routes without `{{{{`"


def _ambiguous(routing: Routing) -> Iterator[str]:
    for name in routing.ambiguous:
        yield f"several files define the service {name} in different ways, and Traefik uses one: remove the others"


def _streams(routing: Routing) -> Iterator[str]:
    for file, leads in routing.streams.items():
        yield f"{file} sends {', '.join(leads)}, but the updater moves only HTTP routes: remove that from the file"


def _routes(stack: Stack, routing: Routing, ours: Sequence[Router]) -> Iterator[str]:
    """Each routed service must have exactly the route that the stack file defines."""
    if not ours:
        return
    for service in stack.routed:
        for route in service.routes:
            if not any(router.takes(route) and service.name in router.services for router in ours):
                yield (
                    f"no router for `{route.rule}` at the entrypoint {route.entrypoint} leads to "
                    f"{_either(service)}: correct routed/{service.name} in the stack file, or add the router"
                )
    for router in ours:
        yield from _unlike(stack, router)
    for router in routing.routers:
        if not router.services and any(_may_take(router, route, ours) for s in stack.routed for route in s.routes):
            yield (
                f"{router.where} takes requests of the stack, but leads to {urls(router)}: remove it. If that is a "
                "container of the stack, for example by a published port, write its service's name instead"
            )


def _may_take(router: Router, route: ClientRoute, ours: Sequence[Router]) -> bool:
    """Whether Traefik may choose `router`, which leads elsewhere, for requests of `route`: now or after the adoption.

    It never does if routers of the stack that take the same requests always have a higher priority: the old router
    until it is set aside, and the updater's own, which is there before that.
    """
    if not router.takes(route):
        return False
    old = [precedence(each.rule, each.priority) for each in ours if each.takes(route)]
    new = precedence(route.rule, route.priority)
    return precedence(router.rule, router.priority) >= min(new, max(old, default=new))


def _unlike(stack: Stack, router: Router) -> Iterator[str]:
    """What `router` does that the updater's own router would not do."""
    matching = [s for s in stack.routed if s.name in router.services and router.answers(s)]
    if not matching:
        at = ", ".join(router.entrypoints) or "every entrypoint"
        yield (
            f"{router.where} leads to {urls(router)} for `{router.rule}` at {at}, but the stack file has no such "
            f"route: add it there, or remove the router{_of_a_neighbor(stack, router)}"
        )
        return
    service = matching[0]
    known = {route.entrypoint for s in matching for route in s.routes}
    everywhere = tuple(stack.traefik.entrypoints) if router.stays else ("every entrypoint",)
    if more := [e for e in router.entrypoints or everywhere if e not in known]:
        yield (
            f"{router.where} also answers at {', '.join(more)}, but the updater's router answers only at "
            f"{', '.join(sorted(known))}: set `entryPoints: [{', '.join(sorted(known))}]` in the router, or add "
            f"the entrypoint to routed/{service.name}/routes in the stack file"
        )
    if elsewhere := [s.url for s in router.servers if not s.is_of(service)]:
        yield f"{router.where} also leads to {', '.join(elsewhere)}: remove that server"
    own = f"{service.scheme} at port {service.port}"
    if wrong := sorted({s.origin for s in router.servers if s.backend and s.origin != own}):
        yield (
            f"{router.where} connects to {service.name} by {', '.join(wrong)}, but the updater's router by {own}: "
            f"correct routed/{service.name}/port or scheme in the stack file, or the router"
        )
    yield from staying_problems(router, matching) if router.stays else ()
    for key, there, here in router.differences(service):
        if key in not_compared(router, service):
            continue
        yield (
            f"{router.where} has {key} {there}, but routed/{service.name} in the stack file has {here}: clients would "
            "be served in another way. Write the same there"
        )
    if router.extras:
        yield (
            f"{router.where} has {', '.join(router.extras)}, which the updater's router does not support: clients "
            "would be served without it. Remove it from the router, or leave this service out of the stack file"
        )


def _of_a_neighbor(stack: Stack, router: Router) -> str:
    """What to do if another container has the names in the router's URLs, too. The stack's own services have theirs."""
    own = {host_form(name) for service in stack.routed for name in service.colors.values()}
    used = {host_form(urlsplit(server.url).hostname or "") for server in router.servers if server.backend}
    if not (names := sorted(host for host in used - own if not is_address(host))):
        return ""
    return (
        f". If it should lead to another container, the stack's may not have the name {', '.join(names)}, as an alias "
        "or `hostname`"
    )


def _foreign(routing: Routing, ours: Sequence[Router]) -> Iterator[str]:
    """Other content in a file that the updater would replace."""
    for file in sorted({router.file for router in ours if not router.stays}):
        if others := routing.others.get(file, ()):
            names = ", ".join(others[:SHOWN]) + (" …" if len(others) > SHOWN else "")
            yield f"{file} has {names} beside the routes of the stack, and is replaced: move that to another file"


def _either(service: RoutedService) -> str:
    return " or ".join([*filter(None, [service.made_from]), *service.colors.values()])


def urls(router: Router) -> str:
    return ", ".join(dict.fromkeys(server.url for server in router.servers)) or "nothing"
