"""Refuses a router whose requests a pair of colors shares with another service, such as a firewall before it."""

from collections.abc import Iterator, Sequence

from app.cli.errors import Refused
from app.cli.init.notes import Notes
from app.cli.init.pairs import Pair
from app.cli.init.routing import Way, named_router
from app.cli.init.sources import Sources
from app.cli.init.traefik.routes import FoundRoute, RouteTarget


def refuse_shared(pair: Pair, ways: Sequence[Way], sources: Sources, notes: Notes) -> None:
    """Raises Refused for the first such router. Adds a question about a service that is asked only if `pair` fails."""
    for way in ways:
        if others := list(dict.fromkeys(_others(pair, way.route, sources))):
            raise Refused(
                f"routed/{pair.name}: {named_router(way)} sends requests to {', '.join(others)} too, with {way.rule}. "
                f"With a route of the stack file, {pair.blue} and {pair.green} would get all of them, also those that "
                "only the other service gets now: it might ask for a password.",
                f"Let the router lead to {pair.blue} and {pair.green} alone, or to the other service alone, then run "
                "this again.",
            )
    spare = (_shown(s) for way in ways for s in way.route.spare if not _is_of(pair, s, sources))
    for server in dict.fromkeys(spare):
        notes.ask(f"routed/{pair.name}/rule", f"its failover to {server} cannot be expressed in this file")


def _others(pair: Pair, route: FoundRoute, sources: Sources) -> Iterator[str]:
    for server in route.servers:
        if server not in route.spare and not _is_of(pair, server, sources):
            yield _shown(server)
    yield from (f"the service {name}" for name in route.unknown)


def _is_of(pair: Pair, server: RouteTarget, sources: Sources) -> bool:
    return server.host in pair.services or sources.service_at(server) in pair.services


def _shown(server: RouteTarget) -> str:
    return server.host if server.port is None else f"{server.host}:{server.port}"
