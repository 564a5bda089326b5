"""How a caller inside the Compose project reaches the live color of a routed service: by which name and route. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.callers.compose import DEFAULT_NETWORK, Services, networks, published
from app.domain.callers.names import CallTarget, plain_names, taken
from app.domain.routing.matchers import Matcher
from app.domain.routing.probe_request import secure
from app.domain.routing.routes import ClientRoute
from app.domain.routing.rule import matchers_of, parse
from app.domain.routing.rule_match import Client, client_of
from app.domain.stack import Stack

NEW_ENTRYPOINT = "inner"
"""The name of an entrypoint to add, if every one of the stack takes only TLS."""

_OF_THE_HOST = re.compile(r"localhost|[\d.]+|.*:.*|host\.docker\.internal")
"""A name or address of the host: ports there are published ones."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class InnerRoute:
    """The name `alias` and the `route` that serves it (None: to be added).

    `network`: where `traefik` needs the alias. `has_alias`: whether it has it there; None if the model does not say.
    `published`: the host's ports that lead to Traefik's.
    """

    stack: Stack
    target: CallTarget
    alias: str
    route: ClientRoute | None
    traefik: str | None
    network: str | None
    has_alias: bool | None
    published: Mapping[int, int]

    @property
    def entrypoint(self) -> str | None:
        """That of the route. For a new one: an entrypoint for plain HTTP, because a certificate for `alias` is rare."""
        if self.route:
            return self.route.entrypoint
        points = self.stack.traefik.entrypoints
        return next((name for name, point in points.items() if not point.secure), None)

    @property
    def new_route(self) -> str:
        return f'{{entrypoint: {self.entrypoint or NEW_ENTRYPOINT}, rule: "Host(`{self.alias}`)"}}'

    @property
    def port(self) -> int | None:
        """The entrypoint's port inside Traefik's container; None if the worker reaches it by another one."""
        if self.entrypoint is None:
            return self.target.routed.port
        url = urlsplit(self.stack.traefik.entrypoints[self.entrypoint].url)
        port = url.port or _PORTS[url.scheme.lower()]
        return self.published.get(port) if _OF_THE_HOST.fullmatch(url.hostname or "") else port

    @property
    def url(self) -> str:
        """How callers reach the alias, for messages."""
        with_tls = self.route and secure(self.stack.traefik.entrypoints[self.route.entrypoint], self.route)
        base = f"{'https' if with_tls else 'http'}://{self.alias}"
        if self.port is None:
            return f"`{base}` at the port that `{self.entrypoint}` has inside Traefik's container"
        return f"`{base}:{self.port}`"

    def lines(self) -> Iterator[str]:
        """What to add to the Compose file and to the stack file."""
        if self.has_alias is False:
            yield from ("services:", f"  {self.traefik}:", "    networks:", f"      {self.network}:")
            yield f"        aliases: [{self.alias}]"
        if self.route is None:
            yield f"routed/{self.target.routed.name}/routes:"
            yield f"  - {self.new_route}"


def inner_route(services: Services, stack: Stack, traefik: str | None, caller: str, called: CallTarget) -> InnerRoute:
    """The way to what `called` leads to, for the service `caller`."""
    alias = called.name if called.plain else _free_name(services, stack, traefik, called)
    mine, there = networks(services[caller]), networks(services.get(traefik or "", {})) if traefik else {}
    shared = [network for network in mine if network in there]
    return InnerRoute(
        stack,
        called,
        alias,
        route=_route(stack, called, alias),
        traefik=traefik,
        network=next(iter(shared), next(iter(mine), DEFAULT_NETWORK)),
        published=published(services.get(traefik or "", {})),
        has_alias=_has(alias, traefik or "", [there[network] for network in shared]) if there else None,
    )


def _route(stack: Stack, called: CallTarget, alias: str) -> ClientRoute | None:
    """The route for `alias`, one without TLS first. One with TLS counts only if it names the host: it has a certificate
    for it then.
    """
    found = [each for each in called.routed.routes if serves(each, alias)]
    plain = [each for each in found if not secure(stack.traefik.entrypoints[each.entrypoint], each)]
    named = [
        each for each in found if any(alias in _lower(m) for m in matchers_of(parse(each.rule)) if m.name == "Host")
    ]
    return next(iter((*plain, *named)), None)


def _lower(matcher: Matcher) -> list[str]:
    return [value.lower() for value in matcher.values]


def serves(route: ClientRoute, host: str) -> bool:
    """Whether some request for `host` belongs to the route."""
    client = client_of(route.rule, Client(host, "/"))
    return client is not None and client.host == host


def _free_name(services: Services, stack: Stack, traefik: str | None, called: CallTarget) -> str:
    """A name without a color that no other service has."""
    plain, others = plain_names(called.routed), taken(services, stack, traefik)
    return next((name for name in plain if name not in others), f"{plain[0]}-live")


def _has(alias: str, traefik: str, aliases: list[set[str]]) -> bool:
    return any(alias in {traefik.lower(), *map(str.lower, each)} for each in aliases)
