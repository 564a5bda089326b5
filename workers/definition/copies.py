"""How many containers of a service run at once, and what of it only one of them can have. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.stack import Stack

Service = Mapping[str, Any]

EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})


def copies_of(service: Service) -> int:
    """The number in a resolved model: `scale`, else `deploy/replicas`, else 1. Compose refuses two that differ.

    https://docs.docker.com/reference/compose-file/services/#scale
    """
    number = service.get("scale")
    if number is None:
        number = (service.get("deploy") or {}).get("replicas")
    return 1 if number is None else int(number)


def with_copies(service: Service, number: int) -> dict[str, Any]:
    """The service with `number` copies. Compose compares no such number with what runs, so it recreates nothing."""
    if copies_of(service) == number:
        return dict(service)
    changed = {key: value for key, value in service.items() if key != "scale"}
    if "replicas" in (service.get("deploy") or {}):
        changed["deploy"] = {key: value for key, value in service["deploy"].items() if key != "replicas"}
    return {**changed, "scale": number}


def uncopyable(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """What refuses a release, and what to write: a wrong number of copies, and copies that cannot run side by side."""
    services: Mapping[str, Service] = model.get("services") or {}
    for routed in stack.routed:
        written = (routed.made_from,) if routed.made_from else routed.colors.values()
        for name in (name for name in written if name in services):
            if copies_of(services[name]) == 0:
                yield f"{name} has {_key(services[name])} 0, so nothing would take its requests. Write 1 or more"
    for singleton in stack.singletons:
        service = services.get(singleton.service, {})
        if (number := copies_of(service)) == 0:
            yield f"{singleton.service} has {_key(service)} 0, so it would not run. Write 1"
        elif number > 1:
            yield (
                f"{singleton.service} has {_key(service)} {number}, but a singleton must never run twice. Write 1, or "
                "make it a follower: name it in `followers` of the stack file instead of `singletons`"
            )
    colored = {name: services[name] for routed in stack.routed for name in routed.colors.values() if name in services}
    yield from _taken(colored)
    for follower in stack.followers:
        yield from _not_twice(follower.service, services.get(follower.service, {}))


def uneven(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """A warning for each routed service whose colors have different numbers of copies."""
    services: Mapping[str, Service] = model.get("services") or {}
    for routed in stack.routed:
        numbers = {name: copies_of(services[name]) for name in routed.colors.values() if name in services}
        if len(set(numbers.values())) > 1:
            listed = " and ".join(f"{name} has {_copies(number)}" for name, number in numbers.items())
            yield f"{listed}: each release changes how many copies serve. Write the same number for both"


@dataclass(frozen=True)
class _Claim:
    """Something of which there is `room` for so many containers at once. `remedy`: what to remove."""

    what: str
    remedy: str
    room: int = 1
    address: str = ""

    def meets(self, other: "_Claim") -> bool:
        """Whether both need the same."""
        anywhere = EVERY_ADDRESS & {self.address, other.address}
        return self.what == other.what and (self.address == other.address or bool(anywhere))


def _taken(services: Mapping[str, Service]) -> Iterator[str]:
    """The copies of both colors of all routed services run at once during a rollout."""
    claims = [(name, claim) for name, service in services.items() for claim in _claims(service)]
    said: list[_Claim] = []
    for _, claim in claims:
        if any(claim.meets(known) for known in said):
            continue
        users = list(dict.fromkeys(name for name, other in claims if claim.meets(other)))
        if sum(copies_of(services[name]) for name in users) > claim.room:
            said.append(claim)
            yield _refusal(users, services, claim)


def _not_twice(name: str, follower: Service) -> Iterator[str]:
    """A follower's new copies start while its old ones run. Its container_name becomes an alias."""
    several = 2 * copies_of(follower)
    for claim in _claims({key: value for key, value in follower.items() if key != "container_name"}):
        if several > claim.room:
            yield (
                f"{name} has {claim.what}, which only {_containers(claim.room)} can have, but a follower's new copies "
                f"start while its old ones run. {claim.remedy}, or write {name} below `singletons` in the stack file"
            )


def _refusal(users: Sequence[str], services: Mapping[str, Service], claim: _Claim) -> str:
    if len(users) == 1:
        who = f"all {_copies(copies_of(services[users[0]]))} of {users[0]} would have {claim.what}"
    else:
        who = f"{', '.join(users[:-1])} and {users[-1]} have {claim.what}, and they run at once during a rollout"
    return f"{who}, which only {_containers(claim.room)} can have. {claim.remedy}"


def _claims(service: Service) -> Iterator[_Claim]:
    if name := service.get("container_name"):
        yield _Claim(f"the container_name {name}", "Remove container_name")
    for port in service.get("ports") or ():
        published = str(port.get("published") or "")
        if published not in {"", "0"}:  # 0: any that is free
            first, _, last = published.partition("-")
            where = f"port {published} of the host ({port.get('protocol') or 'tcp'})"
            remedy = "Remove it from ports: Traefik and the updater reach each container in its network"
            yield _Claim(where, remedy, int(last or first) - int(first) + 1, str(port.get("host_ip") or ""))
    for network, settings in (service.get("networks") or {}).items():
        for key in ("ipv4_address", "ipv6_address", "mac_address"):
            if address := (settings or {}).get(key):
                yield _Claim(f"the address {address} in {network}", f"Remove {key}")
    if address := service.get("mac_address"):
        yield _Claim(f"the address {address}", "Remove mac_address")


def _key(service: Service) -> str:
    return "deploy/replicas" if service.get("scale") is None else "scale"


def _containers(number: int) -> str:
    return "one container" if number == 1 else f"{number} containers"


def _copies(number: int) -> str:
    return "1 copy" if number == 1 else f"{number} copies"
