"""In which networks of the engine the services of a release run: pure functions of its model."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.domain.routing.networks import GIVEN, HOST, Choice, Peers, choose, short
from app.domain.stack import Stack
from workers.definition.images.built_with import SERVICE

Model = Mapping[str, Any]

_ID = re.compile(r"[0-9a-f]{12,64}")
"""A network may be named by its id, or by the beginning of it. The engine lists names only."""


def networks_of(model: Model, name: str, asked: tuple[str, ...] = ()) -> list[str] | None:
    """The names, as the engine knows them, of the service's networks.

    None if they are those of a container outside the model (`network_mode: container:x`).
    """
    mode = str(model["services"][name].get("network_mode") or "")
    other = mode.removeprefix(SERVICE)
    if other != mode and other in model["services"] and other not in asked:
        return networks_of(model, other, (*asked, name))
    if mode:
        return None if ":" in mode else [mode]
    return list(listed_networks(model, name))


def listed_networks(model: Model, name: str) -> Iterator[str]:
    """The names, as the engine knows them, of what the service has below `networks`."""
    known = model.get("networks") or {}
    for key in model["services"][name].get("networks") or ():
        yield str((known.get(key) or {}).get("name") or f"{model.get('name')}_{key}")


def choices(model: Model, stack: Stack, peers: Peers) -> dict[str, Choice]:
    """By Compose service, in which network the worker would ask it, if the release puts it into several."""
    found = {}
    for service in stack.routed:
        for name in (name for name in service.colors.values() if name in model["services"]):
            networks = networks_of(model, name) or []
            if len(networks) > 1:
                found[name] = choose(stack, service, networks, peers)
    return found


def unreached(model: Model, stack: Stack, peers: Peers) -> dict[str, str]:
    """By Compose service of the routed ones: that Traefik would share no network with it, and what to write.

    Nothing is said if either's networks are not known.
    """
    names = [name for service in stack.routed for name in service.colors.values() if name in model["services"]]
    found = {name: networks_of(model, name) for name in names}
    return {
        name: _apart(stack, name, networks, peers, peers.traefik)
        for name, networks in found.items()
        if networks is not None and peers.traefik is not None
        if not any(map(_ID.fullmatch, networks)) and not peers.traefik_reaches(networks)
    }


def _apart(stack: Stack, name: str, networks: Sequence[str], peers: Peers, there: frozenset[str]) -> str:
    def listed(each: Sequence[str], word: str = ", ") -> str:
        return word.join(short(stack, network) for network in each) or "none"

    what = "no network with a name server" if there & set(networks) else "no network"
    where = f"{peers.title} (networks: {listed(sorted(there))}) would not find {name} (networks: {listed(networks)})"
    found = f"{where} by its name, because they share {what}, so clients would get errors"
    if HOST in there:
        return f"{found}: take {peers.title} out of network_mode: {HOST}, and publish its ports"
    usable = sorted(there - GIVEN)
    other = f"add {peers.title} to {listed(own, ' or ')}" if (own := [n for n in networks if n not in GIVEN]) else ""
    into = f"give {name} the network {listed(usable, ' or ')} in the Compose file" if usable else ""
    return f"{found}: {', or '.join(filter(None, (into, other))) or 'give both a network of their own'}"
