"""Refuses options that decide who gets in, or where requests go, and that a stack file cannot have. Pure."""

from collections.abc import Iterable

from app.cli.errors import Refused
from app.cli.init.routes.routing import Way, named_router
from app.cli.init.services.pairs import Pair

_OPEN = ": these requests might be open"
_DECISIVE = {
    "parentrefs": (
        "parentRefs: requests pass the middlewares of its parents first, and the stack file cannot have parents"
        f"{_OPEN}",
        "Write a router without parentRefs, with the whole rule and all middlewares",
    ),
    "rulesyntax": (
        f"ruleSyntax, and the stack file has rules of Traefik v3 only{_OPEN}",
        "Write the rule in the syntax of v3, without ruleSyntax",
    ),
    "preservepath": (
        "a server with preservePath: its requests reach the service below another path, and the stack file cannot have "
        "that",
        "Let a middleware addPrefix add the path, and remove preservePath and the path of the server's URL",
    ),
    "middlewares of the service": (
        f"a service with middlewares of its own, and the stack file has those of routes only{_OPEN}",
        "Move them to the router",
    ),
}
"""An option of a router or its service, in lower case → what the router has then, and what to do.

A rule of v2 means something else in v3, or nothing: the requests would go to another router.
https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/multi-layer-routing/
https://doc.traefik.io/traefik/migrate/v2-to-v3-details/#new-v3-syntax-notable-changes
"""


def refuse_lost(pair: Pair, ways: Iterable[Way]) -> None:
    """Raises Refused for the first of `ways` with such an option."""
    for way in ways:
        for option, (what, remedy) in _DECISIVE.items():
            if any(each.lower().startswith(option) for each in way.route.lost):
                raise Refused(
                    f"routed/{pair.name}: {named_router(way)} has {what}.",
                    f"{remedy}, then run this again.",
                )
