"""The names of a stack's routes in Traefik. They carry the stack's, because several stacks share a Traefik."""

from collections.abc import Iterator

from app.domain.routing.probe_request import route_name
from app.domain.stack import Color, RoutedService, Stack

RETRY = "retry"


def metrics_name(stack: Stack, service: RoutedService, color: Color) -> str:
    """The name of `service` in Traefik's metrics. Each color has its own, so that they are counted separately."""
    return f"{service_name(stack, service, color)}{provider(stack)}"


def router_names(stack: Stack) -> list[str]:
    """The names of the stack's own routers in Traefik."""
    return [f"{name}{provider(stack)}" for name, _, __ in named_routes(stack)]


def provider(stack: Stack) -> str:
    """The end of the names in Traefik: of the provider that reads the stack's routes."""
    return "@redis" if stack.traefik.redis else "@file"


def named_routes(stack: Stack) -> Iterator[tuple[str, RoutedService, int]]:
    """The name of each router and of its middleware, with its service and its number there."""
    for service in stack.routed:
        for number in range(1, len(service.routes) + 1):
            yield routed_name(stack, service, number), service, number


def routed_name(stack: Stack, service: RoutedService, number: int) -> str:
    return f"updater.{stack.project}.{route_name(service, number)}"


def transport_name(stack: Stack) -> str:
    return f"updater.{stack.project}"


def service_name(stack: Stack, service: RoutedService, color: Color) -> str:
    """A dot is in no name of the stack file, so no two stacks can make the same name."""
    return f"updater.{stack.project}.{service.name}.{color}"


def retry_name(stack: Stack, service: RoutedService) -> str:
    """A routed service cannot have this name, nor can a number of a route."""
    return f"updater.{stack.project}.{service.name}.{RETRY}"
