"""Confirms that Traefik follows the route file, by the rollout header in its answers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

from app.domain.errors import RouteNotConfirmed
from app.domain.routing.matchers import ADDRESS
from app.domain.routing.probe_request import BY_A_MIDDLEWARE, ProbeRequest, all_route_requests, proof_of
from app.domain.routing.rule import has
from app.domain.stack import RoutedService, Stack
from workers.ports import Answer, Clock, Route

CONFIRM_INTERVAL = 0.02
NOT_FOUND = 404
CERTIFICATE_REQUIRED = "certificate required"
"""The alert of TLS 1.3. Older versions have no alert of its own: the error then says `handshake failure`."""

Ask = Callable[[RoutedService, ProbeRequest], Awaitable[Answer]]


async def confirm_routes(stack: Stack, clock: Clock, route: Route, rollout: str, ask: Ask) -> None:
    """Waits until every route of every service answers with `rollout`.

    Those with TLS are asked once more: Traefik replaces its handlers before the TLS options of new connections, so the
    first answer may have come over a connection with the old options.
    https://github.com/traefik/traefik/blob/master/pkg/server/server_entrypoint_tcp.go

    Raises RouteNotConfirmed after `times.route`, with what Traefik says of the routes.
    """
    deadline = clock.monotonic() + stack.times.route
    waiting = all_route_requests(stack)
    once_more = [each for each in waiting if each[1].secure]
    while waiting:
        asked = await asyncio.gather(*(ask(*each) for each in waiting))
        answers = list(zip(waiting, asked, strict=True))
        waiting = [each for each, answer in answers if answer.rollout != rollout]
        if not waiting:
            waiting, once_more = once_more, []
        elif clock.monotonic() > deadline:
            last = next(answer for each, answer in answers if each is waiting[0])
            said = [*_reasons(last), *_unrouted(stack, last, *waiting[0]), *await _complaints(route)]
            detail = "; ".join([_seen(stack, last) + _where(stack, *waiting[0]), *said])
            raise RouteNotConfirmed(detail, service=", ".join(dict.fromkeys(s.name for s, _ in waiting)))
        else:
            await clock.sleep(CONFIRM_INTERVAL)


def _seen(stack: Stack, last: Answer) -> str:
    return f"within {stack.times.route:.0f} s; last answer: {last}, {stack.traefik.rollout_header}: {last.rollout}"


def _where(stack: Stack, service: RoutedService, request: ProbeRequest) -> str:
    """Which Traefik did not follow, if there are several."""
    points = [stack.traefik.entrypoints[route.entrypoint] for route in service.routes]
    several = any(request.url.startswith(url.rstrip("/")) for point in points if point.others for url in point.urls)
    return f", at {urlsplit(request.url).netloc}" if several else ""


def _reasons(last: Answer) -> Iterator[str]:
    if last.rollout is None and last.status in BY_A_MIDDLEWARE:
        yield "a middleware of the entrypoint may answer: move it to the routes"
    if last.error and CERTIFICATE_REQUIRED in last.error.lower():
        yield (
            "Traefik requires a client certificate, which the updater does not have: let the service itself refuse "
            "requests without one, then write clientAuthType: VerifyClientCertIfGiven"
        )


def _unrouted(stack: Stack, last: Answer, service: RoutedService, request: ProbeRequest) -> Iterator[str]:
    """Why Traefik may have no route for the request: it then answers 404 itself."""
    if last.status != NOT_FOUND or last.rollout is not None or request.route is None:
        return
    asked = next(r for n, r in enumerate(service.routes, 1) if proof_of(stack, service, n) == request.route)
    if request.secure and asked.tls is None:
        yield (
            f"without TLS in the route, Traefik has none for https clients, unless its entrypoint {asked.entrypoint} "
            f"has http.tls: write tls: true into routed/{service.name}"
        )
    if has(asked.rule, ADDRESS):
        yield f"the rule has {ADDRESS}: it must also have the address from which the updater asks"


async def _complaints(route: Route) -> list[str]:
    words = await route.complaints()
    return [f"Traefik says: {'; '.join(words)}"] if words else []
