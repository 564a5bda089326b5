"""Refuses a router whose requests a pair of colors shares with another service, such as a firewall before it."""

from collections.abc import Iterator, Sequence

from app.cli.errors import Refused
from app.cli.init.notes import Notes
from app.cli.init.project.service_facts import Service
from app.cli.init.routes.routing import Way, named_router
from app.cli.init.services.pairs import Pair
from app.cli.init.sources import Copy, Sources
from app.cli.init.traefik.dynamic.labels import is_disabled, label_routers, label_routes, label_services
from app.cli.init.traefik.dynamic.routes import FoundRoute, RouteTarget


def refuse_shared(pair: Pair, ways: Sequence[Way], sources: Sources, notes: Notes) -> None:
    """Raises Refused for the first such router. Adds a question about a service that is asked only if `pair` fails."""
    for way in ways:
        if others := list(dict.fromkeys(_others(pair, way.route, sources))):
            raise Refused(
                f"routed/{pair.name}: {named_router(way)} sends requests to {', '.join(others)} too, with {way.rule}. "
                f"With a route of the stack file, {pair.text} would get all of them, also those that "
                "only the other service gets now: it might ask for a password.",
                f"Let the router lead to {pair.text} alone, or to the other service alone, then run this again.",
            )
    spare = (_shown(s) for way in ways for s in way.route.spare if not _is_of(pair, s, sources))
    for server in dict.fromkeys(spare):
        notes.ask(f"routed/{pair.name}/rule", f"its failover to {server} cannot be expressed in this file")


def refuse_taken_names(pair: Pair, both: Sequence[Copy], sources: Sources) -> None:
    """Raises Refused for a router in the labels of `pair` if other labels have a different one of the same name."""
    own = [(copy.name, label_routers(copy.service)) for copy in both if reads_labels(copy.name, sources)]
    for name, service in _other_containers(pair, sources):
        others = label_routers(service)
        for color, routers in own:
            for router in (each for each in routers if others.get(each, routers[each]) != routers[each]):
                raise Refused(
                    f"routed/{pair.name}: router {router} is in labels of {color} and, with other settings, in labels "
                    f"of {name}. Traefik drops both, so these requests go elsewhere now: to another router that might "
                    "ask for a password, or nowhere.",
                    "Give each router a name of its own, then run this again.",
                )


def _others(pair: Pair, route: FoundRoute, sources: Sources) -> Iterator[str]:
    for server in route.servers:
        if server not in route.spare and not _is_of(pair, server, sources):
            yield _shown(server)
    yield from (f"the service {name}" for name in route.unknown)
    yield from _with_the_same_service(pair, route, sources)


def _with_the_same_service(pair: Pair, route: FoundRoute, sources: Sources) -> Iterator[str]:
    """Other containers whose labels define the service to which `route`, of labels, leads: Traefik joins their servers.

    https://github.com/traefik/traefik/blob/master/pkg/provider/configuration.go
    """
    of_colors = [server.host for server in route.servers if server.host in pair.services]
    if route.file or not of_colors:
        return
    project = sources.project
    named = {f"{route.label_service}@docker"} if route.label_service else set[str]()
    names = named or set(label_services(of_colors[0], {}, project.name))
    for name, service in _other_containers(pair, sources):
        if names & set(label_services(name, service, project.name)):
            yield name


def _other_containers(pair: Pair, sources: Sources) -> Iterator[tuple[str, Service]]:
    """The services beside `pair` whose labels Traefik reads."""
    for name, service in sources.project.services.items():
        if name not in pair.services and reads_labels(name, sources):
            yield name, service


def every_route(sources: Sources) -> Iterator[FoundRoute]:
    """What Traefik has, and what labels of services without colors add to it."""
    yield from sources.routes
    for name, service in sources.project.services.items():
        if name not in sources.hosts.values() and reads_labels(name, sources):
            yield from label_routes(name, service)


def reads_labels(name: str, sources: Sources) -> bool:
    return name not in sources.unread_labels and not is_disabled(sources.project.services[name])


def _is_of(pair: Pair, server: RouteTarget, sources: Sources) -> bool:
    return server.host in pair.services or sources.service_at(server) in pair.services


def _shown(server: RouteTarget) -> str:
    return server.host if server.port is None else f"{server.host}:{server.port}"
