"""Routes of one stack file that take each other's requests."""

from collections.abc import Iterator, Mapping, Sequence

from app.config.routes.routed import RoutedPart
from app.domain.routing.probe_request import hidden
from app.domain.routing.routes import ClientRoute
from app.domain.routing.rule_form import Form, form_of
from app.domain.stack import Traefik


def hidden_routes(traefik: Traefik, services: Mapping[str, RoutedPart]) -> Iterator[str]:
    """Routes that no request of the updater reaches, because Traefik gives all of them to other routes of the stack."""
    routed = [part.service(name) for name, part in services.items()]
    for service in routed:
        for path, route in services[service.name].places(service.name):
            if why := hidden(traefik, routed, service, route):
                yield f"{path}/rule: {why}"


def equal_routes(places: Sequence[tuple[str, ClientRoute]]) -> Iterator[str]:
    """Routes that take the same requests at one entrypoint. `places`: each route with its path in the file.

    Traefik uses the one with the higher priority, or either of them. The other could never be proven.
    """
    seen: dict[tuple[str, Form], tuple[str, ClientRoute]] = {}
    for path, route in places:
        first, other = seen.setdefault((route.entrypoint, form_of(route.rule)), (path, route))
        if other is route:
            continue
        if route.priority == other.priority:
            why = "so Traefik would use either of the two, unpredictably"
        else:
            why = "so Traefik would use only the one with the higher priority"
        yield (
            f"{path}/rule: {first} has the same rule at {route.entrypoint}, {why}. Give each route its own rule, such "
            "as another host or path"
        )
