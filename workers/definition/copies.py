"""How many copies of a service run, and what cannot run twice at the same time. Pure functions.

https://docs.docker.com/reference/compose-file/deploy/#replicas
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.stack import Stack

ADDRESSES = ("ipv4_address", "ipv6_address", "mac_address")

Service = Mapping[str, Any]


def copies_of(service: Service) -> int:
    """`deploy/replicas`, or `scale`; 1 without either. Compose makes both equal when it resolves a file."""
    replicas = (service.get("deploy") or {}).get("replicas")
    wanted = service.get("scale") if replicas is None else replicas
    return 1 if wanted is None else int(wanted)


def unlike_its_kind(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """What refuses a release: a singleton with several copies, and a follower of which no second copy could start."""
    services: Mapping[str, Service] = model.get("services") or {}
    for singleton in stack.singletons:
        if (count := copies_of(services.get(singleton.service, {}))) > 1:
            yield (
                f"{singleton.service}: it has {count} copies (deploy/replicas or scale), but a singleton never runs "
                f"twice. Write it below `followers` in the stack file, or remove that"
            )
    for follower in stack.followers:
        for what in _only_once(services.get(follower.service, {})):
            yield (
                f"{follower.service}: {what}, but a follower's new copies start while its old ones run. Remove that, "
                "or write it below `singletons` in the stack file"
            )


def _only_once(service: Service) -> Iterator[str]:
    for port in service.get("ports") or ():
        if "-" not in (published := str(port.get("published") or "-")) and published != "0":
            yield f"ports has the host's port {published}"
    for name, network in (service.get("networks") or {}).items():
        for key in ADDRESSES:
            if (network or {}).get(key):
                yield f"networks/{name} has the {key} {network[key]}"
    if service.get("mac_address"):
        yield f"mac_address is {service['mac_address']}"
