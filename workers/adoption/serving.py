"""Decides which color of an unknown stack serves, or why that is unclear. Pure functions."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.errors import AdoptionRefused
from app.domain.stack import Color, RoutedService, Stack
from workers.ports import Instance
from workers.routing.routers import Router, Routing
from workers.routing.servers import Backend

Found = Mapping[str, Sequence[Instance]]
"""The instances of each Compose service that the stack file names, including stopped ones."""

LABEL_PREFIX = "traefik.http.routers."
SHOWN = 5
"""How many foreign names a message lists."""


@dataclass(frozen=True)
class Serving:
    """The color that has the traffic. `instances` are its running copies and the running singletons.

    `files` are the dynamic files whose routers lead to the color. `hosts` are the names by which they reach its copies,
    by routed service: these are known to work.
    """

    color: Color
    instances: tuple[Instance, ...]
    files: tuple[str, ...]
    hosts: Mapping[str, tuple[str, ...]]


def hosts_of(stack: Stack, found: Found) -> dict[str, list[Backend]]:
    """Every name and address by which a router can reach a colored service, in lower case as in a URL.

    If several services share a name, such as a network alias, it leads to those that run.
    """
    reached: dict[str, list[Backend]] = {}
    running: dict[str, list[Backend]] = {}
    for service in stack.routed:
        for color, name in service.colors.items():
            copies = found.get(name, ())
            names = {name, *(n for i in copies for n in (*i.names, i.address) if n)}
            for each in {n.lower() for n in names}:
                reached.setdefault(each, []).append((service, color))
                if any(i.running for i in copies):
                    running.setdefault(each, []).append((service, color))
    return reached | running


def serving_color(stack: Stack, routing: Routing, found: Found) -> Serving | None:
    """The color that serves; None if every colored service is stopped. Raises AdoptionRefused with all problems."""
    if not up(stack, found):
        return None
    ours = [router for router in routing.routers if router.services]
    colors = {color for router in ours for color in router.colors}
    problems = [
        *_unreadable(routing),
        *_ambiguous(routing),
        *_streams(routing),
        *_routes(stack, routing, ours),
        *_foreign(routing, ours),
    ]
    problems += _labels(found)
    if not ours and not problems:
        problems.append(_no_router(stack, found))
    if len(colors) > 1:
        problems.append(_two_colors(ours))
    for color in colors if len(colors) == 1 else ():
        problems += [*_not_running(stack, color, found), *_only_by_address(stack, color, found, ours)]
        problems += _copies(stack, color, found)
    problems += _doubled(stack, found)
    if problems:
        raise AdoptionRefused("; ".join(problems))
    (color,) = colors
    files = tuple(sorted({router.file for router in ours}))
    return Serving(color, tuple(_running(stack, color, found)), files, _hosts(stack, color, found, ours))


def up(stack: Stack, found: Found) -> list[Instance]:
    """The colored instances that may serve, including paused and restarting ones: these may serve again at any time."""
    return [i for s in stack.routed for name in s.colors.values() for i in found.get(name, ()) if not i.gone]


def shadows(stack: Stack, routing: Routing, own_file: str) -> list[str]:
    """The files, other than `own_file`, with a router that takes requests of the updater's routes."""
    return sorted(
        {
            router.file
            for router in routing.routers
            if router.file != own_file and router.services and any(router.answers(s) for s in stack.routed)
        }
    )


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
        if not router.services and any(router.answers(s) for s in stack.routed):
            yield f"{router.where} takes requests of the stack, but leads to {_urls(router)}: remove it"


def _unlike(stack: Stack, router: Router) -> Iterator[str]:
    """What `router` does that the updater's own router would not do."""
    matching = [s for s in stack.routed if s.name in router.services and router.answers(s)]
    if not matching:
        at = ", ".join(router.entrypoints) or "every entrypoint"
        yield (
            f"{router.where} leads to {_urls(router)} for `{router.rule}` at {at}, but the stack file has no such "
            "route: add it there, or remove the router"
        )
        return
    service = matching[0]
    known = {route.entrypoint for s in matching for route in s.routes}
    if more := [e for e in router.entrypoints or ("every entrypoint",) if e not in known]:
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
    for key, there, here in router.differences(service):
        yield (
            f"{router.where} has {key} {there}, but routed/{service.name} in the stack file has {here}: clients would "
            "be served in another way. Write the same there"
        )
    if router.extras:
        yield (
            f"{router.where} has {', '.join(router.extras)}, which the updater's router does not support: clients "
            "would be served without it. Remove it from the router, or leave this service out of the stack file"
        )


def _foreign(routing: Routing, ours: Sequence[Router]) -> Iterator[str]:
    """Other content in a file that the updater would replace."""
    for file in sorted({router.file for router in ours}):
        if others := routing.others.get(file, ()):
            names = ", ".join(others[:SHOWN]) + (" …" if len(others) > SHOWN else "")
            yield f"{file} has {names} beside the routes of the stack, and is replaced: move that to another file"


def _labels(found: Found) -> Iterator[str]:
    for service, instances in found.items():
        labels = {label for i in instances if i.running for label in i.labels if label.startswith(LABEL_PREFIX)}
        routers = sorted({label.removeprefix(LABEL_PREFIX).partition(".")[0] for label in labels})
        if routers:
            yield (
                f"the container of {service} has Traefik labels for the router {', '.join(routers)}: write the router "
                "into a dynamic file, and remove the labels"
            )


def _no_router(stack: Stack, found: Found) -> str:
    running = sorted({i.service for i in up(stack, found)})
    return f"no router in the watched directory leads to the running {', '.join(running)}: add the routers"


def _two_colors(ours: Sequence[Router]) -> str:
    listed = "; ".join(f"{r.where} leads to {_urls(r)}" for r in ours)
    return f"two colors have traffic ({listed}): point every router at one color"


def _not_running(stack: Stack, color: Color, found: Found) -> Iterator[str]:
    for service in stack.routed:
        name = service.colors[color]
        instances = found.get(name, ())
        if not any(i.running for i in instances):
            state = f"its container is {instances[0].state}" if instances else "it has no container"
            yield (
                f"the routers lead to {color}, but {name} does not run ({state}): start it, or stop all of {color} if "
                "it should not serve"
            )


def _hosts(stack: Stack, color: Color, found: Found, ours: Sequence[Router]) -> dict[str, tuple[str, ...]]:
    """The hosts by which the updater's route reaches the serving copies.

    A name that leads to this color alone stays: that of its service or container. Another one may be an alias that both
    colors have, so the container's name takes its place; the engine knows it in the same networks. An address changes
    when its container restarts: the route then uses the service's name.
    """
    hosts: dict[str, tuple[str, ...]] = {}
    for service in stack.routed:
        name = service.colors[color]
        containers = {i.host for i in found.get(name, ()) if i.running and i.host}
        used = {host for host in _hosts_of(service, ours) if not _is_address(host)}
        own = {host for host in used if host in {name.lower(), *(c.lower() for c in containers)}}
        if used and (kept := own if own == used else containers):
            hosts[service.name] = tuple(sorted(kept))
    return hosts


def _hosts_of(service: RoutedService, ours: Sequence[Router]) -> set[str]:
    return {urlsplit(x.url).hostname or "" for router in ours for x in router.servers if x.is_of(service)}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _only_by_address(stack: Stack, color: Color, found: Found, ours: Sequence[Router]) -> Iterator[str]:
    """Reports copies that the old routes reach by address: the updater's route then uses the service's name."""
    for service in stack.routed:
        name, hosts = service.colors[color], _hosts_of(service, ours)
        names = {n.lower() for i in found.get(name, ()) if i.running for n in i.names}
        if hosts and all(map(_is_address, hosts)) and names and name.lower() not in names:
            urls = sorted({x.url for router in ours for x in router.servers if x.is_of(service)})
            yield (
                f"{', '.join(urls)} leads to a container that no network knows as {name}, but the updater's "
                f"route uses {name}: give it that alias in a network that Traefik is in"
            )


def _copies(stack: Stack, color: Color, found: Found) -> Iterator[str]:
    """Reports services with several copies: a release would replace them by one."""
    for name in (service.colors[color] for service in stack.routed):
        running = [i for i in found.get(name, ()) if i.running]
        if len(running) > 1:
            yield f"{len(running)} containers of {name} run, but a release starts one of each color: scale it to one"


def _doubled(stack: Stack, found: Found) -> Iterator[str]:
    for singleton in stack.singletons:
        running = [i for i in found.get(singleton.service, ()) if not i.gone]
        if len(running) > 1:
            yield f"{len(running)} containers of {singleton.service} run at once: stop all but one"


def _running(stack: Stack, color: Color, found: Found) -> Iterator[Instance]:
    for name in stack.services(color):
        yield from (i for i in found.get(name, ()) if i.running)


def _either(service: RoutedService) -> str:
    return " or ".join(service.colors.values())


def _urls(router: Router) -> str:
    return ", ".join(dict.fromkeys(server.url for server in router.servers)) or "nothing"
