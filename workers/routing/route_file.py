"""Renders Traefik's route file: a pure function of the stack, the active color, the rollout and the copies."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml

from app.domain.routing.probe_request import proof_of, route_header
from app.domain.routing.routes import Scheme
from app.domain.stack import Color, EngineKind, RoutedService, Stack
from workers.routing.dynamic_file import read_yaml
from workers.routing.names import RETRY, named_routes, retry_name, routed_name, service_name, transport_name

WRITTEN_BY = "# Written by zetherion-updater"
HEADER = f"{WRITTEN_BY}: one rename moves every route. Changes by hand are overwritten.\n"
STACK_KEY = "# stack: "
COLOR_KEY = "# active color: "
ROLLOUT_KEY = "# rollout: "
COPIES_KEY = "# copies: "
ATTEMPTS = 16
"""How many copies Traefik tries to connect to, without a pause. Under load, it may try the same one again:
with one of two gone, this many attempts lose one request in 65,000."""

DIAL_SECONDS = 2
"""For a copy on another node, which refuses nothing if the node is gone: then a request goes to another copy. Traefik's
default is 30 s, which is longer than most clients wait."""

Copies = Mapping[str, tuple[str, ...]]
"""The host names of a color's copies, by routed service: the names of their containers, unique on a shared network."""


AllCopies = Mapping[Color, Copies]


@dataclass(frozen=True)
class RouteState:
    """What a route file says: the color that has the traffic, the rollout id in answers, and each color's copies."""

    color: Color
    rollout: str
    copies: AllCopies = field(default_factory=dict)


def render(stack: Stack, color: Color, rollout: str, copies: AllCopies | None = None) -> str:
    """The dynamic configuration that sends all routed services of `stack` to `color`.

    A service without known copies is reached by its Compose name. The file keeps the copies of the other color too, so
    that it can lead back to them while the engine is away.
    Every router adds the rollout header, also to what the route's middlewares answer, so that an answer proves which
    configuration served it, and its own name, so that no other router can answer for it, also none of another stack.
    All names carry the stack's, because Traefik drops names that two files define.

    Of several copies, a request goes to another one if the first cannot be connected to. What was sent is never sent
    again, so that also holds for a POST.
    https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/retry/

    Traefik closes idle backend connections after `backend_idle` seconds, before the backends close them.
    https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/serverstransport/
    """
    listed = {str(each): {name: list(hosts) for name, hosts in named.items()} for each, named in (copies or {}).items()}
    head = [
        f"{STACK_KEY}{stack.project}",
        f"{COLOR_KEY}{color}",
        f"{ROLLOUT_KEY}{rollout}",
        f"{COPIES_KEY}{json.dumps(listed, sort_keys=True)}",
    ]
    http = configuration(stack, RouteState(color, rollout, copies or {}))
    return HEADER + "\n".join(head) + "\n" + yaml.safe_dump({"http": http}, sort_keys=False)


def render_empty(stack: Stack) -> str:
    """A file without routes, for when nothing of the stack is healthy."""
    return f"{HEADER}{STACK_KEY}{stack.project}\n{{}}\n"


def written_for(text: str) -> str | None:
    """The stack whose updater wrote the file; empty if an early version did, which did not say; None for others."""
    if not text.startswith(WRITTEN_BY):
        return None
    return _header(text, STACK_KEY) or ""


def is_own(text: str, stack: Stack) -> bool:
    """Whether the updater of `stack` wrote the file, in this or another version."""
    return written_for(text) in {"", stack.project}


def read(text: str, stack: Stack) -> RouteState | None:
    """What the file says; None if it is not a route file of the stack, or if its servers are of no color or of two.

    Only the servers decide on the color, so that a change by hand of one of them is noticed.
    """
    if not is_own(text, stack):
        return None
    try:
        http = read_yaml(text)["http"]
        copies = _copies(text)
        hosts = {host for service in http["services"].values() for host in _hosts(service)}
        (rollout,) = {id_ for each in http["middlewares"].values() if RETRY not in each for id_ in _added(each)}
    except (yaml.YAMLError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return None
    if not written_for(text) and not _is_of_first_version(http, stack):
        return None
    for color in Color:
        known = {host for named in copies.get(color, {}).values() for host in named}
        if hosts and hosts <= known | {s.colors[color] for s in stack.routed}:
            return RouteState(color, str(rollout), copies)
    return None


def claims_our_names(content: Mapping[str, Any], stack: Stack) -> bool:
    """Whether another file with that content defines one of our names: Traefik drops names that two files define."""
    http = content.get("http")
    parts = {str(part).lower(): named for part, named in http.items()} if isinstance(http, dict) else {}
    ours = [configuration(stack, RouteState(color, "")) for color in Color]
    return any(set(parts.get(part.lower()) or ()) & set(names) for own in ours for part, names in own.items())


def _header(text: str, key: str) -> str | None:
    return next((line[len(key) :] for line in text.splitlines()[:8] if line.startswith(key)), None)


def _copies(text: str) -> dict[Color, Copies]:
    listed = json.loads(_header(text, COPIES_KEY) or "{}")
    return {Color(color): {name: tuple(hosts) for name, hosts in each.items()} for color, each in listed.items()}


def _hosts(service: Mapping[str, Any]) -> Iterator[str]:
    for server in service["loadBalancer"]["servers"]:
        yield urlsplit(server["url"]).netloc.rpartition(":")[0]


def _added(middleware: Mapping[str, Any]) -> Iterator[str]:
    """The rollout's id; not the router's name, in whose header that of the id continues."""
    added = middleware["headers"]["customResponseHeaders"]
    yield from (value for header, value in added.items() if header not in map(route_header, added))


def _is_of_first_version(http: Mapping[str, Any], stack: Stack) -> bool:
    """Whether a file that names no stack has exactly the routes of this one, as the first version wrote them."""
    for color in Color:
        expected = {
            f"updater-{s.name}": (s.routes[0].rule, [s.routes[0].entrypoint], f"http://{s.colors[color]}:{s.port}")
            for s in stack.routed
        }
        try:
            found = {name: _first_route(http, router) for name, router in http["routers"].items()}
        except (KeyError, IndexError, TypeError, AttributeError):
            return False
        if found == expected:
            return True
    return False


def _first_route(http: Mapping[str, Any], router: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    server = http["services"][router["service"]]["loadBalancer"]["servers"][0]
    return router["rule"], router["entryPoints"], server["url"]


def configuration(stack: Stack, routed: RouteState) -> dict[str, dict[str, Any]]:
    """The part `http` of the dynamic configuration that `render` writes."""
    return {
        "routers": {name: _router(stack, service, number, routed) for name, service, number in named_routes(stack)},
        "services": {service_name(stack, s, routed.color): _service(stack, s, routed) for s in stack.routed},
        "middlewares": {
            **{
                name: {
                    "headers": {
                        "customResponseHeaders": _headers(stack, routed.rollout, proof_of(stack, service, number))
                    }
                }
                for name, service, number in named_routes(stack)
            },
            **{
                retry_name(stack, s): {RETRY: {"attempts": ATTEMPTS}}
                for s in stack.routed
                if len(_hosts_in(routed, s)) > 1
            },
        },
        "serversTransports": {
            transport_name(stack): {
                # The worker asks each copy directly too: a certificate inside the network need not be valid.
                **({"insecureSkipVerify": True} if any(s.scheme is Scheme.HTTPS for s in stack.routed) else {}),
                "forwardingTimeouts": {
                    "idleConnTimeout": f"{stack.traefik.backend_idle:g}s",
                    **({"dialTimeout": f"{DIAL_SECONDS}s"} if stack.engine is EngineKind.SWARM else {}),
                },
            }
        },
    }


def _headers(stack: Stack, rollout: str, route: str) -> dict[str, str]:
    header = stack.traefik.rollout_header
    return {header: rollout, route_header(header): route}


def _hosts_in(routed: RouteState, service: RoutedService) -> tuple[str, ...]:
    return routed.copies.get(routed.color, {}).get(service.name) or (service.colors[routed.color],)


def _router(stack: Stack, service: RoutedService, number: int, routed: RouteState) -> dict[str, Any]:
    route, name = service.routes[number - 1], routed_name(stack, service, number)
    again = [retry_name(stack, service)] if len(_hosts_in(routed, service)) > 1 else []
    return {
        "rule": route.rule,
        "entryPoints": [route.entrypoint],
        "service": service_name(stack, service, routed.color),
        # the first one also marks what the others answer; the last one repeats no middleware
        "middlewares": [name, *route.middlewares, *again],
        **({"priority": route.priority} if route.priority else {}),
        **({"tls": dict(route.tls)} if route.tls is not None else {}),
    }


def _service(stack: Stack, service: RoutedService, routed: RouteState) -> dict[str, Any]:
    balancer = {
        "serversTransport": transport_name(stack),
        "servers": [{"url": f"{service.scheme}://{host}:{service.port}"} for host in _hosts_in(routed, service)],
        **({"sticky": dict(service.sticky)} if service.sticky is not None else {}),
    }
    return {"loadBalancer": balancer}
