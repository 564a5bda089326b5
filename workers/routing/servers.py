"""Finds the servers that a service in Traefik's dynamic files leads to: pure functions.

https://doc.traefik.io/traefik/reference/routing-configuration/http/load-balancing/service/
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.stack import Color, RoutedService
from workers.routing.dynamic_file import (
    Tree,
    items_of,
    lowered,
    part_of,
)

_BALANCER_KEYS = {"servers", "healthcheck", "passhostheader", "serverstransport", "sticky"}
_SHARED = {"weighted", "highestrandomweight"}
_PORTS = {"http": 80, "h2c": 80, "https": 443}
"""The port that Traefik connects to if the URL has none."""

_DEPTH = 8
"""How deep services may refer to services. In practice they do not nest deeper, and a loop must end."""

Backend = tuple[RoutedService, Color]
Hosts = Mapping[str, Sequence[Backend]]
"""The colored services by name and address, as `host_form` has them. Copies of both colors may share a name."""


@dataclass(frozen=True)
class Server:
    """One server of a router's service: its URL, and the stack's service and color there (None: something else).

    A URL that reaches both colors counts as two servers.
    """

    url: str
    backend: Backend | None

    def is_of(self, service: RoutedService) -> bool:
        """Whether it is a copy of `service`."""
        return self.backend is not None and self.backend[0].name == service.name

    @property
    def origin(self) -> str:
        """The scheme and port of the URL, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.scheme} at port {parts.port or _PORTS.get(parts.scheme)}"


def resolve(
    name: str, services: Mapping[str, Tree], hosts: Hosts, depth: int = _DEPTH
) -> tuple[list[Server], list[str]]:
    """The servers of the service `name`, and its options beyond a plain load balancer."""
    options = services.get(name.removesuffix("@file"))
    if options is None or depth == 0:
        return [Server(f"{name or 'no service'} (not in these files)", None)], []
    servers: list[Server] = []
    extras: list[str] = []
    for kind, value in options.items():
        body = lowered(value) if isinstance(value, dict) else {}
        if kind == "loadbalancer":
            listed = [lowered(each) for each in items_of(body.get("servers")) if isinstance(each, dict)]
            servers += [server for each in listed for server in _servers(str(each.get("url", "")), hosts)]
            extras += [*_balancer_extras(body), *_server_extras(listed)]
            continue
        extras.append(kind)
        for inner in _inner(kind, body):
            inner_servers, inner_extras = resolve(inner, services, hosts, depth - 1)
            servers, extras = [*servers, *inner_servers], [*extras, *inner_extras]
    return servers, extras


def _balancer_extras(body: Tree) -> list[str]:
    extras = set(body) - _BALANCER_KEYS
    if str(body.get("passhostheader")).lower() == "false":
        extras.add("passHostHeader: false")
    if body.get("serverstransport") is not None:
        extras.add("serversTransport")
    return sorted(extras)


def _server_extras(servers: Sequence[Tree]) -> list[str]:
    return ["preservePath"] if any(server.get("preservepath") for server in servers) else []


def _inner(kind: str, body: Tree) -> Iterator[str]:
    """The services that a service of another kind than a load balancer sends requests to."""
    if kind in _SHARED:
        shares = [each for each in items_of(body.get("services")) if isinstance(each, dict)]
        yield from (str(each.get("name", "")) for each in shares if each.get("weight", 1))
    for key in ("service", "fallback"):
        if key in body:
            yield str(body[key])
    if kind == "mirroring":
        yield from (str(each.get("name", "")) for each in items_of(body.get("mirrors")) if isinstance(each, dict))


def _servers(url: str, hosts: Hosts) -> list[Server]:
    """The servers at `url`. Traefik has no server at a URL that it cannot parse."""
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:
        host = None
    return [Server(url, backend) for backend in hosts.get(host_form(host or "")) or (None,)]


def host_form(host: str) -> str:
    """Normalizes a name or address, so that spellings of the same host compare equal."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().removesuffix(".")


def stream_servers(tree: Tree, hosts: Hosts) -> Iterator[str]:
    """The addresses of colored services that the file sends TCP connections or UDP packets to."""
    for section in ("tcp", "udp"):
        for options in part_of(tree, "services", section).values():
            balancer = options.get("loadbalancer")
            servers = items_of(lowered(balancer).get("servers")) if isinstance(balancer, dict) else ()
            addresses = [str(lowered(server).get("address", "")) for server in servers if isinstance(server, dict)]
            yield from (f"{section} to {a}" for a in addresses if host_form(a.rpartition(":")[0].strip("[]")) in hosts)
