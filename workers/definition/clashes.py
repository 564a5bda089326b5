"""What two services that run at once cannot both have: names, host ports, addresses. Pure functions.

In a rollout both colors of every routed service run, beside the singletons and what no rollout moves. The engine would
refuse the second container after the build, and Compose does not look.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from app.domain.stack import Color

Service = Mapping[str, Any]
Moved = Mapping[str, Color | None]
"""The services that the updater moves, each with its color (None for a singleton)."""

JOBS = frozenset({"replicated-job", "global-job"})
"""https://docs.docker.com/reference/compose-file/deploy/#mode"""

_HOST, _NONE = "host", "none"
_NAMESPACES = ("service:", "container:")


def clashes(model: Mapping[str, Any], moved: Moved) -> list[str]:
    """What refuses a release, each with what to write instead: only what concerns a service that the updater moves."""
    services: Mapping[str, Service] = model.get("services") or {}
    awake = [n for n, s in services.items() if n in moved or not s.get("profiles")]
    pairs = [pair for pair in combinations(awake, 2) if not moved.keys().isdisjoint(pair)]
    alone = [problem for name in moved if name in services for problem in _alone(name, services[name], moved[name])]
    return [*alone, *(p for one, other in pairs for p in _together(one, other, services, moved))]


def _alone(name: str, service: Service, color: Color | None) -> Iterator[str]:
    deploy: Service = service.get("deploy") or {}
    if deploy.get("mode") in JOBS:
        yield (
            f"{name}: deploy/mode is {deploy['mode']}, which ends by itself, but the updater keeps {name} running. "
            "Write it as a `before_flip` command of the stack file, or remove the mode"
        )
    if 0 in (service.get("scale"), deploy.get("replicas")):
        yield f"{name}: `scale` or `deploy/replicas` is 0, so nothing would run. Write 1, or remove it"
    if color is not None and (mode := service.get("network_mode")) in (_HOST, _NONE):
        yield (
            f"{name}: network_mode is {mode}. "
            + ("Both colors would listen at the same port of the host" if mode == _HOST else "Traefik cannot reach it")
            + ". Remove it, so that both colors are in a network with Traefik"
        )


def _together(one: str, other: str, services: Mapping[str, Service], moved: Moved) -> Iterator[str]:
    first, second, both = services[one], services[other], f"{one} and {other}"
    named = [each.get("container_name") for each in (first, second)]
    if named[0] and named[0] == named[1] and not {one, other} & _singletons(moved):
        yield f"{both} have the same container_name {named[0]}, but run at once. Give each its own, or remove it"
    if ports := [str(a) for a in _ports(first) for b in _ports(second) if a.meets(b)]:
        colors = moved.get(one) is not None and moved.get(other) is not None
        instead = "Remove `ports` from both: Traefik reaches them in their network" if colors else "Give each its own"
        yield f"{both} publish the same host port {', '.join(dict.fromkeys(ports))}, but run at once. {instead}"
    for key, kind in _addresses(first):
        if (key, kind) in set(_addresses(second)):
            yield f"{both} have the same {kind} {key[1]} in networks/{key[0]}, but run at once. Remove it from both"
    shared = {str(each.get("network_mode") or "") for each in (first, second)}
    if len(shared) == 1 and (mode := shared.pop()).startswith(_NAMESPACES) and _are_colors(one, other, moved):
        yield (
            f"{both} have the same network_mode {mode}, so both colors would listen at the same port. Remove it, so "
            "that each color has an address of its own"
        )


def _singletons(moved: Moved) -> set[str]:
    """Their containers lose a fixed name: the new one is created while the old one exists."""
    return {name for name, color in moved.items() if color is None}


def _are_colors(one: str, other: str, moved: Moved) -> bool:
    return {moved.get(one), moved.get(other)} == {*Color}


@dataclass(frozen=True)
class _Port:
    """A port of the host, or a range from which the engine takes the first free one."""

    first: int
    last: int
    protocol: str
    address: str

    def meets(self, other: "_Port") -> bool:
        """Whether both may get the same port: of two ranges, the second finds another one."""
        apart = self.last < other.first or other.last < self.first or self.protocol != other.protocol
        ranges = self.first < self.last and other.first < other.last
        return not apart and not ranges and _overlap(self.address, other.address)

    def __str__(self) -> str:
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.address}:{ports}/{self.protocol}" if self.address else f"{ports}/{self.protocol}"


def _ports(service: Service) -> Iterator[_Port]:
    """The fixed host ports of the service. With `network_mode: host`, Docker ignores `ports`."""
    if service.get("network_mode") == _HOST:
        return
    for each in service.get("ports") or ():
        first, _, last = str(each.get("published") or "").partition("-")
        if first.isdecimal() and (last or first).isdecimal() and int(first):
            yield _Port(
                int(first), int(last or first), str(each.get("protocol") or "tcp"), str(each.get("host_ip") or "")
            )


def _overlap(one: str, other: str) -> bool:
    """Whether two addresses of the host can be the same; an empty one stands for all."""
    if not one or not other or one == other:
        return True
    try:
        first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return False
    return first.version == second.version and (first == second or first.is_unspecified or second.is_unspecified)


def _addresses(service: Service) -> Iterator[tuple[tuple[str, str], str]]:
    """The fixed addresses of the service, by network: with what kind of address each is."""
    networks: Mapping[str, Service | None] = service.get("networks") or {}
    for network, options in networks.items():
        for key in ("ipv4_address", "ipv6_address", "mac_address"):
            if value := (options or {}).get(key):
                yield (network, str(value).lower()), key
    if (mac := service.get("mac_address")) and networks:
        yield (next(iter(networks)), str(mac).lower()), "mac_address"
