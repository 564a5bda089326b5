"""In which networks of the engine the services of a release run: pure functions of its model."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.routing.networks import Choice, Peers, choose
from app.domain.stack import Stack
from workers.definition.built_with import SERVICE

Model = Mapping[str, Any]


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
