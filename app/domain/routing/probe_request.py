"""The requests by which the updater asks a routed service for its health, directly and as its clients do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from urllib.parse import parse_qsl, urlencode, urlsplit

from app.domain.errors import InternalError
from app.domain.routing.routes import ClientRoute, EntryPoint, Scheme, precedence
from app.domain.routing.rule import has
from app.domain.routing.rule_match import Client, clients_of, matches
from app.domain.stack import RoutedService, Stack, Traefik

SUCCESS = frozenset(range(200, 300))
BY_A_MIDDLEWARE = frozenset({*range(300, 400), 401, 403, 407, 429})
"""How a middleware may answer a request without a password, in place of the service: redirects, refusals, limits."""
_ANY_ANSWER = frozenset(range(200, 500))
SENT = {"User-Agent": "zetherion-updater"}
"""The headers of every request, unless the stack file has others."""

MOST_HOSTS = 8
"""How many hosts of one rule are asked for."""

KEPT_RULES = 128
"""For how many rules the requests are kept that they match: each look asks with the same ones."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""https://www.rfc-editor.org/rfc/rfc9110#name-safe-methods"""


@dataclass(frozen=True)
class ProbeRequest:
    """One request. `url` is the address to connect to; `host` the name to ask for there, in TLS too (None: the URL's).

    `accepted`: the statuses that count as healthy. `routed`: those that do if the answer carries a rollout id.
    `http2`: HTTP/2 without negotiation. `verify`: the certificate must be valid for the name. `route`: the name of the
    route that must answer, as `proof_of` has it; `route_before`: as the version before wrote it.
    """

    url: str
    method: str = "GET"
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    accepted: frozenset[int] = SUCCESS
    routed: frozenset[int] = frozenset()
    http2: bool = False
    verify: bool = False
    route: str | None = None
    route_before: str | None = None

    @property
    def secure(self) -> bool:
        return self.url.lower().startswith("https:")


def direct_request(traefik: Traefik, service: RoutedService, address: str) -> ProbeRequest:
    """The health request to a container of `service` at its own IP address."""
    first, health = service.routes[0], service.health
    like = _client(traefik, service, first)
    scheme = Scheme.HTTPS if service.scheme is Scheme.HTTPS else Scheme.HTTP
    return ProbeRequest(
        url=f"{scheme}://{f'[{address}]' if ':' in address else address}:{service.port}{health.path}",
        host=health.host or (like.host if like and like.host != _own_host(traefik, first) else None),
        headers={**SENT, "X-Forwarded-Proto": _forwarded(traefik, first), **health.headers},
        accepted=health.statuses or SUCCESS,
        http2=service.scheme is Scheme.H2C,
    )


def route_requests(stack: Stack, service: RoutedService) -> tuple[ProbeRequest, ...]:
    """The requests for each of the service's routes, in order, that Traefik gives to this route and no other.

    The first one of a route asks for the health path wherever the rule, and the other routes of the stack, allow it.
    Then comes one for each further host of the rule, up to MOST_HOSTS: any answer of the route will do there. Further
    Traefiks get the first one too.
    """
    return tuple(request for n in range(1, len(service.routes) + 1) for request in _through(stack, service, n))


def all_route_requests(stack: Stack) -> list[tuple[RoutedService, ProbeRequest]]:
    """The requests for each route of each routed service, with its service."""
    return [(service, request) for service in stack.routed for request in route_requests(stack, service)]


def route_header(rollout_header: str) -> str:
    """The header in which a router says which route it is, as `proof_of` has it, beside the rollout's id."""
    return f"{rollout_header}-Route"


def route_name(service: RoutedService, number: int) -> str:
    """The name of one of the service's routes, counted from 1."""
    return f"{service.name}.{number}"


def proof_of(stack: Stack, service: RoutedService, number: int) -> str:
    """What the answers of the route carry, so that no other route can answer for it, of this stack or another.

    A dot is in no name of the stack file, so no two routes can have the same.
    """
    return f"{stack.project}.{route_name(service, number)}"


def _through(stack: Stack, service: RoutedService, number: int) -> Iterator[ProbeRequest]:
    traefik, route = stack.traefik, service.routes[number - 1]
    rivals = _rivals(traefik, stack.routed, route)
    free = [client for client in _clients(traefik, service, route) if not _taken(rivals, client)]
    if not free:
        raise InternalError(f"the stack file was read with a route that cannot be asked: {route.rule}")
    point = traefik.entrypoints[route.entrypoint]
    yield from (_request(stack, service, number, free[0], url) for url in point.urls)
    others = {client.host: client for client in reversed(free) if client.host != free[0].host}
    for client in islice(reversed(others.values()), MOST_HOSTS - 1):
        request = _request(stack, service, number, client, point.url)
        yield replace(request, accepted=frozenset(), routed=_ANY_ANSWER, verify=False)


def _request(stack: Stack, service: RoutedService, number: int, client: Client, url: str) -> ProbeRequest:
    """`url`: that of the entrypoint, at one Traefik."""
    route = service.routes[number - 1]
    accepted = service.health.statuses or SUCCESS
    asks_health = client.path == _path(service)
    query = urlencode({k: v for k, v in client.query.items() if not (asks_health and (k, v) in _query(service))})
    path = service.health.path if asks_health else client.path
    return ProbeRequest(
        url=url.rstrip("/") + path + (("&" if "?" in path else "?") + query if query else ""),
        method=client.method,
        host=None if client.host == _host_in(url) else client.host,
        headers=client.headers,
        accepted=accepted if asks_health else frozenset(),
        routed=_routed(route) if asks_health else _ANY_ANSWER,
        verify=stack.traefik.entrypoints[route.entrypoint].verify,
        route=proof_of(stack, service, number),
        route_before=route_name(service, number),
    )


def _routed(route: ClientRoute) -> frozenset[int]:
    return BY_A_MIDDLEWARE if route.middlewares else frozenset()


def unaskable(traefik: Traefik, service: RoutedService, route: ClientRoute) -> str | None:
    """Why the updater could never prove that Traefik follows `route`, and what to write; None if it can."""
    client = _client(traefik, service, route)
    if client is None and has(route.rule, "HostRegexp"):
        return "it matches host names that the updater cannot guess: write one of them as health/host"
    if client is None and any(has(route.rule, name) for name in ("Header", "HeaderRegexp")):
        return f"the updater can make no request that it matches: write the header into health/headers ({route.rule})"
    if client is None:
        return f"the updater can make no request that it matches: write a health/path that it matches ({route.rule})"
    if client.method not in SAFE_METHODS:
        return f"it takes only {client.method}, which the updater does not send: write the route without Method"
    return None


def hidden(traefik: Traefik, routed: Sequence[RoutedService], service: RoutedService, route: ClientRoute) -> str | None:
    """Why Traefik gives every request that the updater can make for `route` to another route; None if it does not."""
    rivals, made = _rivals(traefik, routed, route), _clients(traefik, service, route)
    if not made or not all(_taken(rivals, client) for client in made):
        return None
    name, other = next((name, rival) for name, rival in rivals if matches(rival.rule, made[0]))
    return (
        f"every request that the updater can make for it goes to a route of routed/{name} ({other.rule}): give this "
        "route a higher priority, or the other one a rule that leaves it some requests"
    )


def _rivals(traefik: Traefik, routed: Sequence[RoutedService], route: ClientRoute) -> list[tuple[str, ClientRoute]]:
    """The routes that Traefik may ask before `route`, each with the name of its service."""
    return [
        (service.name, other)
        for service in routed
        for other in service.routes
        if other != route
        and other.entrypoint == route.entrypoint
        and secure(traefik.entrypoints[route.entrypoint], other) == secure(traefik.entrypoints[route.entrypoint], route)
        and precedence(other.rule, other.priority) >= precedence(route.rule, route.priority)
    ]


def _taken(rivals: Sequence[tuple[str, ClientRoute]], client: Client) -> bool:
    return any(matches(rival.rule, client) for _, rival in rivals)


def _client(traefik: Traefik, service: RoutedService, route: ClientRoute) -> Client | None:
    return next(iter(_clients(traefik, service, route)), None)


def _clients(traefik: Traefik, service: RoutedService, route: ClientRoute) -> Sequence[Client]:
    health = service.health
    host = (health.host or "").lower().partition(":")[0] or _own_host(traefik, route)  # as Traefik compares it
    return _clients_like(route.rule, host, _path(service), tuple({**SENT, **health.headers}.items()), _query(service))


Pairs = tuple[tuple[str, str], ...]


@lru_cache(KEPT_RULES)
def _clients_like(rule: str, host: str, path: str, headers: Pairs, query: Pairs) -> Sequence[Client]:
    return tuple(clients_of(rule, Client(host, path, headers=dict(headers), query=dict(query))))


def _path(service: RoutedService) -> str:
    """The health path without its query. It may begin with two slashes, so it is not read as a URL."""
    return service.health.path.partition("?")[0]


def _query(service: RoutedService) -> Pairs:
    """The query of the health path, which a rule may want or exclude."""
    return tuple(parse_qsl(service.health.path.partition("?")[2], keep_blank_values=True))


def _own_host(traefik: Traefik, route: ClientRoute) -> str:
    return _host_in(traefik.entrypoints[route.entrypoint].url)


def _host_in(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _forwarded(traefik: Traefik, route: ClientRoute) -> Scheme:
    return Scheme.HTTPS if secure(traefik.entrypoints[route.entrypoint], route) else Scheme.HTTP


def secure(point: EntryPoint, route: ClientRoute) -> bool:
    """Whether clients of the route use TLS."""
    return point.secure or route.tls is not None
