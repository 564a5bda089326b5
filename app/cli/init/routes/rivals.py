"""Refuses a route whose requests go to another service today, or at random: Traefik has an equal router for each."""

from collections.abc import Iterator, Sequence

from app.cli.errors import Refused
from app.cli.init.routes.routing import Points, Way, form_of_rule, named_router, ways_of
from app.cli.init.routes.shared_services import every_route
from app.cli.init.services.pairs import Pair
from app.cli.init.sources import Sources


def refuse_rivals(pair: Pair, ways: Sequence[Way], sources: Sources, points: Points) -> None:
    """Raises Refused for the first of `ways` with the rule and priority of a router to a service without colors.

    Traefik sorts by priority alone: which of the two it asks first is not decided.
    https://github.com/traefik/traefik/blob/master/pkg/muxer/http/mux.go
    """
    rivals = {_place(way, points): way for way in _of_others(sources, points)}
    for way in ways:
        if rival := rivals.get(_place(way, points)):
            raise Refused(
                f"routed/{pair.name}: {named_router(way)} and {named_router(rival)}, which leads to another service, "
                f"have the same rule and priority at {way.entrypoint}: {way.rule}. The other service may get these "
                "requests now, and ask for a password.",
                f"If the other service stands before {pair.text}, remove the first router; if not, "
                "remove the other one, or give each a rule or priority of its own. Then run this again.",
            )


def _place(way: Way, points: Points) -> tuple[str, bool, object, int]:
    return way.entrypoint, way.is_secure(points), form_of_rule(way.rule), way.priority


def _of_others(sources: Sources, points: Points) -> Iterator[Way]:
    """The routers with a rule that lead to no color."""
    for route in every_route(sources):
        leads = route.unknown or (route.servers and not sources.leads_to_colors(route))
        if route.rule and leads:
            yield from ways_of(route, points)
