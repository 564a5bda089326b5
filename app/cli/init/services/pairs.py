"""Finds pairs of services that are two colors of one service, or gives a service two of its own. Pure."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.cli.init.project.service_facts import Service, addresses, container_names, host_names
from app.cli.init.valid_names import unique_names

OTHERS = 2
"""How many services without colors must have a prefix before it counts as the stack's name."""

_COLORED = re.compile(
    r"(?P<base>.+?)[-_.](?P<color>blue|green)|(?P<color2>blue|green)[-_.](?P<base2>.+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Pair:
    """`name` is its name in the stack file, `base` the common part of the Compose services' names.

    If the updater makes both colors of one service, `blue` and `green` are that service.
    """

    name: str
    base: str
    blue: str
    green: str

    @property
    def services(self) -> tuple[str, ...]:
        """The Compose services: one, or one for each color."""
        return tuple(dict.fromkeys((self.blue, self.green)))

    @property
    def made(self) -> bool:
        """Whether the updater makes both colors of one service."""
        return self.blue == self.green

    @property
    def text(self) -> str:
        return " and ".join(self.services)


def color_pairs(services: Mapping[str, Service], project: str) -> list[Pair]:
    """The pairs, in the order of the Compose file. A service without its other color is skipped."""
    whole = _whole(services)
    names = _short_names(name_prefix(services, project), whole)
    return [Pair(names[base], base, two["blue"], two["green"]) for base, two in whole.items()]


def made_pairs(services: Mapping[str, Service], project: str, routed: Collection[str]) -> list[Pair]:
    """A pair for each service of `routed`, of which the updater makes both colors."""
    names = all_names(services, project)
    return [Pair(names[service], service, service, service) for service in routed]


def all_names(services: Mapping[str, Service], project: str) -> dict[str, str]:
    """Each service → its short name, which no other one has."""
    prefix = name_prefix(services, project)
    return unique_names({service: short_name(service, prefix) for service in services})


def name_prefix(services: Mapping[str, Service], project: str) -> str:
    """The prefix of the stack's services: the project's name, or their common prefix.

    The directory, and so the project, may have a different name than the stack.
    """
    for prefix in (f"{project}-", f"{project}_"):
        if any(name.startswith(prefix) for name in services):
            return prefix
    bases = _whole(services)
    first = next(iter(bases), "")
    ends = [n + 1 for n, letter in enumerate(first) if letter in "-_"]
    return next((first[:end] for end in reversed(ends) if _is_common(first[:end], services, bases)), "")


def short_name(service: str, prefix: str) -> str:
    return service.removeprefix(prefix) or service


def colored_hosts(services: Mapping[str, Service], pairs: list[Pair]) -> dict[str, str]:
    """Host name → the colored service with that name. A name that several services have is left out."""
    names = [(host.lower(), s) for pair in pairs for s in pair.services for host in host_names(s, services[s])]
    taken = Counter(host for host, _ in names)
    return {host: service for host, service in names if taken[host] == 1}


def reached_hosts(services: Mapping[str, Service], pairs: list[Pair], project: str) -> dict[str, str]:
    """Every host name and address → the colored service there, or the first one of a pair that shares the name."""
    found: dict[str, set[str]] = {}
    for name, service in services.items():
        named = host_names(name, service) | container_names(project, name, service)
        for host in {*named, *addresses(service), *_with_networks(named, service, project)}:
            found.setdefault(host.lower(), set()).add(name)
    return {
        host: min(names, key=pair.services.index)
        for host, names in found.items()
        for pair in pairs
        if names <= set(pair.services)
    }


def _with_networks(names: set[str], service: Service, project: str) -> set[str]:
    """The names as Docker's DNS server knows them too: with the network's name behind them."""
    attached = service.get("networks")
    networks = list(attached) if isinstance(attached, dict | list) and attached else ["default"]
    ends = [end for network in networks for end in (f"{project}_{network}", str(network))]
    return {f"{name}.{end}" for name in names for end in ends}


def _whole(services: Mapping[str, Service]) -> dict[str, dict[str, str]]:
    """Base name → color → service."""
    bases: dict[str, dict[str, str]] = {}
    for name in services:
        if match := _COLORED.fullmatch(name):
            base, color = match["base"] or match["base2"], (match["color"] or match["color2"]).lower()
            bases.setdefault(base, {})[color] = name
    return {base: two for base, two in bases.items() if len(two) > 1}


def _is_common(prefix: str, services: Mapping[str, Service], bases: Mapping[str, object]) -> bool:
    """Whether all pairs and enough other services have `prefix`, so that it is the stack's name."""
    others = [name for name in services if name.startswith(prefix) and not _COLORED.fullmatch(name)]
    return all(base.startswith(prefix) and base != prefix for base in bases) and len(others) >= OTHERS


def _short_names(prefix: str, bases: Mapping[str, object]) -> dict[str, str]:
    """Base name → its valid short name, or that of the whole base name if the short name is not unique."""
    return unique_names({base: short_name(base, prefix) for base in bases})
