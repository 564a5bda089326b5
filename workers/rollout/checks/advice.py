"""What to write if a healthy service answers the updater differently from its clients, or not at all."""

from urllib.parse import urlsplit

from app.domain.routing.networks import key
from app.domain.routing.probe_request import ProbeRequest
from app.domain.stack import RoutedService
from workers.ports import Answer, Instance

BAD_REQUEST = 400


def unreachable(service: RoutedService, instance: Instance) -> str:
    """Why the worker has no address for a running container, and what to write."""
    networks = ", ".join(instance.addresses) or "none"
    if service.network is not None:
        return f"it is in {networks}, but not in {service.network}: correct {key(service)}"
    return (
        f"the worker is in none of its networks ({networks}): put the worker's container into one of them, or give the "
        "service a network that both are in"
    )


def asked_path(request: ProbeRequest) -> str:
    """The path of the request, with the name that was asked for if it is not the address's own."""
    path = urlsplit(request.url).path
    return f"{path} of {request.host}" if request.host else path


def advice(answer: Answer) -> str:
    """What to write if a healthy service may answer so to the updater."""
    if answer.location:
        return ". Redirects are not followed: set health/headers or health/status"
    return ". If it answers clients, set health/host or health/headers" if answer.status == BAD_REQUEST else ""


def direct_advice(answer: Answer, service: RoutedService, instance: Instance) -> str:
    """As `advice`, of an answer to a request to the container itself: it may listen in another network only."""
    used = next((name for name, address in instance.addresses.items() if address == instance.address), None)
    others = [name for name in instance.addresses if name != used]
    if answer.status or used is None or not others:
        return advice(answer)
    return f" in the network {used}. If it listens in {' or '.join(others)} only, set {key(service)}"


def by_a_middleware(service: RoutedService, request: ProbeRequest, answer: Answer) -> str:
    """The warning that a middleware answered in place of the service, and what to write."""
    return (
        f"{asked_path(request)} of {service.name} answered {answer} through Traefik, by a middleware of the route: "
        "Traefik uses the route, but this does not prove that it reaches the new containers. Set "
        f"routed/{service.name}/health/headers to what the middleware lets through, such as Authorization"
    )
