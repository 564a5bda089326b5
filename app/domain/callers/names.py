"""The names by which other services reach a routed one, and what each name leads to. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.domain.callers.compose import Services, host_names, image_name, inside_ports
from app.domain.stack import Color, RoutedService, Stack

FORMER_NAMES = "x-updater-former-names"
"""In a model whose colors were made from one service: the names that its colors do not have, by routed service."""

_USUAL_PORTS = {80, 443}
_COLORED = re.compile(r"(?P<base>.+)[-_](?:blue|green)|(?:blue|green)[-_](?P<base2>.+)")


@dataclass(frozen=True)
class CallTarget:
    """What the host `name` leads to. `color` None: it belongs to no color, or, if `shared`, to both."""

    name: str
    routed: RoutedService
    color: Color | None = None
    shared: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is a name without a color, which may be an alias of Traefik's container."""
        return self.color is None


def traefik_of(services: Services, stack: Stack) -> str | None:
    """The service that the entrypoints' URLs name, else one with Traefik's image; None if the model has neither."""
    hosts = {urlsplit(url).hostname for point in stack.traefik.entrypoints.values() for url in point.urls}
    named = (name for name, service in services.items() if hosts & host_names(name, service))
    by_image = (name for name, service in services.items() if image_name(service) == "traefik")
    return next(named, None) or next(by_image, None)


def targets(
    services: Services, stack: Stack, traefik: str | None, former: Mapping[str, Sequence[str]]
) -> dict[str, CallTarget]:
    """Each name in lower case → what it leads to. A plain name that another service has is left out.

    `former`: names without a color that the release's own file gives to a routed service.
    """
    others = taken(services, stack, traefik)
    found: dict[str, CallTarget] = {}
    for routed in stack.routed:
        plain = [*plain_names(routed), *(name.lower() for name in former.get(routed.name, ()))]
        found.update({name: CallTarget(name, routed) for name in plain if name not in others})
    for routed in stack.routed:
        names = {color: host_names(name, services.get(name, {})) for color, name in routed.colors.items()}
        for color, each in names.items():
            found.update({name: CallTarget(name, routed, color) for name in each})
        both = set[str].intersection(*names.values())
        found.update({name: CallTarget(name, routed, shared=True) for name in both})
    return found


def known_ports(services: Services, stack: Stack, traefik: str | None) -> set[int]:
    """The ports at which a routed service or Traefik is called, as far as the stack file and the model say."""
    called = (traefik or "", *(name for routed in stack.routed for name in routed.colors.values()))
    named = set[int]().union(*(inside_ports(services[name]) for name in called if name in services))
    entries = {urlsplit(url).port for point in stack.traefik.entrypoints.values() for url in point.urls}
    return {*_USUAL_PORTS, *(routed.port for routed in stack.routed), *named, *filter(None, entries)}


def plain_names(routed: RoutedService) -> list[str]:
    """The names without a color, the common part of the colors' names first."""
    bases = [match["base"] or match["base2"] for name in routed.colors.values() if (match := _COLORED.fullmatch(name))]
    return list(dict.fromkeys(name.lower() for name in (*bases, routed.name)))


def taken(services: Services, stack: Stack, traefik: str | None) -> set[str]:
    """The names of services that are neither routed nor Traefik."""
    own = {traefik, *(name for routed in stack.routed for name in routed.colors.values())}
    return {host for name, service in services.items() if name not in own for host in host_names(name, service)}
