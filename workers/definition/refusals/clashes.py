"""What containers that run at once cannot all have: names, host ports, addresses, namespaces. Pure functions.

In a rollout the copies of both colors of every routed service run, beside the singletons and what no rollout moves. The
engine would refuse one of the containers after the build, and Compose does not look.
"""

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.domain.errors import ComposeInvalid
from app.domain.stack import Color, Stack
from workers.definition.images.built_with import SERVICE
from workers.definition.services.colors import CONTAINER, with_colors
from workers.definition.services.copies import copies_of, copies_text, wrong_numbers

Service = Mapping[str, Any]

JOBS = frozenset({"replicated-job", "global-job"})
"""https://docs.docker.com/reference/compose-file/deploy/#mode"""

_HOST, _NONE = "host", "none"
_NAMESPACES = (SERVICE, CONTAINER)


def clashes(model: Mapping[str, Any], stack: Stack) -> list[str]:
    """What refuses a release, each with what to write instead: only what concerns a service that the updater moves.

    `model`: the output of `compose config`, before colors are made.
    """
    services: Mapping[str, Service] = model.get("services") or {}
    written = {name: color for name, color in stack.written_services().items() if name in services}
    lasting = {name: color for name, color in written.items() if name not in stack.jobs}
    alone = [problem for name, color in lasting.items() for problem in _alone(name, services[name], color)]
    running = _in_a_rollout(model, stack)
    return [*wrong_numbers(model, stack), *alone, *_same_namespace(running, stack), *_taken(running, stack)]


def _in_a_rollout(model: Mapping[str, Any], stack: Stack) -> dict[str, Service]:
    """The services that run during a rollout."""
    try:
        services: Mapping[str, Service] = with_colors(model, stack).get("services") or {}
    except ComposeInvalid:  # a service has the name of a color that is made: `transform` refuses it
        services = model["services"]
    moved = set(stack.moved_services()) - set(stack.jobs)
    started = {name for name, service in services.items() if not service.get("profiles")} - set(stack.jobs)
    return {name: service for name, service in services.items() if name in moved | started}


def _alone(name: str, service: Service, color: str | None) -> Iterator[str]:
    deploy: Service = service.get("deploy") or {}
    if deploy.get("mode") in JOBS:
        yield (
            f"{name}: deploy/mode is {deploy['mode']}, which ends by itself, but the updater keeps {name} running. "
            "Write it as a `before_flip` command of the stack file, or remove the mode"
        )
    if color is not None and (mode := service.get("network_mode")) in (_HOST, _NONE):
        yield (
            f"{name}: network_mode is {mode}. "
            + ("Both colors would listen at the same port of the host" if mode == _HOST else "Traefik cannot reach it")
            + ". Remove it, so that both colors are in a network with Traefik"
        )


def _same_namespace(services: Mapping[str, Service], stack: Stack) -> Iterator[str]:
    """Any two colors that are in the network of one other container: they would listen at the same ports."""
    for routed in stack.routed:
        blue, green = (routed.colors[color] for color in Color)
        modes = {str(services.get(name, {}).get("network_mode") or "") for name in (blue, green)}
        if len(modes) == 1 and (mode := modes.pop()).startswith(_NAMESPACES):
            both = f"both colors of {routed.made_from}" if routed.made_from else f"{blue} and {green}"
            yield (
                f"{both} have the same network_mode {mode}, so both would listen at port {routed.port} of one address. "
                "Remove it, so that each color has an address of its own"
            )


@dataclass(frozen=True)
class _Port:
    """A port of the host, or a range from which the engine takes the first free one."""

    first: int
    last: int
    protocol: str
    address: str

    @property
    def is_range(self) -> bool:
        return self.first < self.last

    def meets(self, other: "_Port") -> bool:
        """Whether both may get the same port."""
        apart = self.last < other.first or other.last < self.first or self.protocol != other.protocol
        return not apart and _overlap(self.address, other.address)

    def __str__(self) -> str:
        ports = f"{self.first}-{self.last}" if self.is_range else str(self.first)
        return f"port {self.address and f'{self.address}:'}{ports} of the host ({self.protocol})"


@dataclass(frozen=True)
class _Claim:
    """What a service has, and only one container can have; of a range of ports, one container for each port.

    `key`: where it is written.
    """

    what: str
    key: str
    port: _Port | None = None

    def meets(self, other: "_Claim") -> bool:
        """Whether both need the same. Of ranges, each container finds a port of its own while there are enough."""
        if self.port is None or other.port is None:
            return self == other
        return self.port.meets(other.port) and (other.port.is_range or not self.port.is_range)

    @property
    def where(self) -> str:
        """`what`, for ports without the host's address: services that meet at a port may write different ones."""
        return str(replace(self.port, address="")) if self.port else self.what


def _taken(services: Mapping[str, Service], stack: Stack) -> Iterator[str]:
    """What more containers would have than can. It is said once of the same services."""
    moved, said = stack.moved_services(), set[tuple[str, frozenset[str]]]()
    claims = [(name, claim) for name, service in services.items() for claim in _claims(name, service, moved)]
    followers = {follower.service for follower in stack.followers}
    numbers = {name: _number(name, service, moved, followers) for name, service in services.items()}
    for _, claim in claims:
        met = [(name, other) for name, other in claims if claim.meets(other) and numbers[name]]
        users, room = {name: numbers[name] for name, _ in met}, _room(claim, [other for _, other in met])
        known = (claim.where, frozenset(users))
        if known not in said and not moved.keys().isdisjoint(users) and sum(users.values()) > room:
            said.add(known)
            twice = len(users) == 1 and not followers.isdisjoint(users)
            yield _of_a_follower(claim, next(iter(users)), room) if twice else _refusal(claim, users, room, moved)


def _number(name: str, service: Service, moved: Mapping[str, Color | None], followers: Collection[str]) -> int:
    """How many containers of the service run at once. A follower's new copies start while its old ones run."""
    if name in followers:
        return 2 * copies_of(service)
    return 1 if moved.get(name, Color.BLUE) is None else copies_of(service)


def _of_a_follower(claim: _Claim, name: str, room: int) -> str:
    return (
        f"{name} has {claim.what}, which only {_containers(room)} can have, but a follower's new copies start while "
        f"its old ones run. Remove {claim.key}, or write {name} below `singletons` in the stack file"
    )


def _containers(number: int) -> str:
    return "one container" if number == 1 else f"{number} containers"


def _room(claim: _Claim, met: Sequence[_Claim]) -> int:
    """For how many containers there is enough."""
    if claim.port is None or not claim.port.is_range:
        return 1
    return len({port for each in met if each.port for port in range(each.port.first, each.port.last + 1)})


def _refusal(claim: _Claim, users: Mapping[str, int], room: int, moved: Mapping[str, Color | None]) -> str:
    """`users`: the services, each with how many containers of it run."""
    *first, last = users
    containers = _containers(room)
    if not first:
        who = f"all {copies_text(users[last])} of {last} would have {claim.what}"
    else:
        who = f"{', '.join(first)} and {last} have {claim.what}, and they run at once during a rollout"
    colors = claim.port is not None and all(moved.get(name) for name in users)
    own = "" if colors or room > 1 or set(users.values()) != {1} else "Give each its own, or remove "
    remedy = f"{own}{claim.key}" if own else f"Remove {claim.key}"
    reached = ": Traefik and the updater reach each container in its network" if colors else ""
    return f"{who}, which only {containers} can have. {remedy}{reached}"


def _claims(name: str, service: Service, moved: Mapping[str, Color | None]) -> Iterator[_Claim]:
    has_alias = moved.get(name, Color.BLUE) is None  # in place of the container_name of a singleton or follower
    if (fixed := service.get("container_name")) and not has_alias:
        yield _Claim(f"the container_name {fixed}", "container_name")
    yield from (_Claim(str(port), "ports", port) for port in _ports(service))
    networks: Mapping[str, Service | None] = service.get("networks") or {}
    for network, options in networks.items():
        for key in ("ipv4_address", "ipv6_address", "mac_address"):
            if value := (options or {}).get(key):
                yield _address(key, str(value), network)
    if (mac := service.get("mac_address")) and networks:
        yield _address("mac_address", str(mac), next(iter(networks)))


def _address(key: str, value: str, network: str) -> _Claim:
    return _Claim(f"the {key.replace('_', ' ')} {value.lower()} in {network}", key)


def _ports(service: Service) -> Iterator[_Port]:
    """The fixed host ports of the service. With `network_mode: host`, Docker ignores `ports`."""
    if service.get("network_mode") == _HOST:
        return
    for each in service.get("ports") or ():
        first, _, last = str(each.get("published") or "").partition("-")
        if first.isdecimal() and (last or first).isdecimal() and int(first):  # 0: any that is free
            protocol, address = str(each.get("protocol") or "tcp"), str(each.get("host_ip") or "")
            yield _Port(int(first), int(last or first), protocol, address)


def _overlap(one: str, other: str) -> bool:
    """Whether two addresses of the host can be the same; an empty one stands for all."""
    if not one or not other or one == other:
        return True
    try:
        first, second = ipaddress.ip_address(one), ipaddress.ip_address(other)
    except ValueError:
        return False
    return first.version == second.version and (first == second or first.is_unspecified or second.is_unspecified)
