"""What runs beside the services that a release moves: the user's own, and the demo's Traefik. Pure functions."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.stack import Stack
from deploy.demo.clients import Json
from deploy.demo.own_stack import ingress

Model = Mapping[str, Any]


@dataclass(frozen=True)
class Beside:
    """`started`: services of the release's Compose files that no rollout moves. `left_out`: by service, why not."""

    started: tuple[str, ...]
    left_out: Mapping[str, str]


def beside(model: Model, stack: Stack, own: Stack, content: Model, without: Collection[str]) -> Beside:
    """`own` and `content`: the user's stack file. `without`: the services that the user left out."""
    services = model["services"]
    moved = set(stack.written_services())
    others = [name for name in services if name not in moved]
    left = dict(_left_out(services, others, own, content, without))
    while more := {name: why for name in others if name not in left if (why := _needs(services[name], moved, left))}:
        left |= more
    return Beside(tuple(name for name in others if name not in left), left)


def _left_out(
    services: Model, others: Collection[str], stack: Stack, content: Model, without: Collection[str]
) -> Iterator[tuple[str, str]]:
    updater = stack.updater.services if stack.updater else ()
    jobs = {command.get("service") for command in content.get("before_flip") or ()}
    named = {profile for profile in stack.profiles if profile != "*"}
    for name in others:
        profiles = set(services[name].get("profiles") or ())
        if name in without:
            yield name, "by --without"
        elif name in updater:
            yield name, "it is the updater"
        elif name in stack.retired:
            yield name, "it is retired"
        elif name in jobs:
            yield name, "it runs before each flip"
        elif profiles and not profiles & named:
            yield name, f"it is in the profile {', '.join(sorted(profiles))}, which the stack file does not name"


def _needs(service: Model, moved: Collection[str], left: Collection[str]) -> str | None:
    """Why the service cannot run beside the others: it needs one that is not there."""
    names = [*(service.get("depends_on") or {}), *(str(link).partition(":")[0] for link in service.get("links") or ())]
    mode = str(service.get("network_mode") or "")
    names += [mode.removeprefix("service:")] if mode.startswith("service:") else []
    if released := [name for name in names if name in moved]:
        return f"it needs {', '.join(released)}, which only a release starts"
    if missing := [name for name in names if name in left]:
        return f"it needs {', '.join(missing)}"
    return None


def running(model: Model, stack: Stack, started: Collection[str] = ()) -> list[str]:
    """The services of the Compose files that the demo has `started`, or that a rollout starts."""
    names = {*started, *stack.written_services(), *(command.service for command in stack.before_flip)}
    return [name for name in model["services"] if name in names]


def compose_model(model: Model, stack: Stack, others: Beside, traefik: Json) -> Json:
    """What Compose starts before the first release.

    As the release has it, without published ports and container names, so that nothing collides with the stack itself.
    Images that are built have names of the demo's project.
    """
    services = {name: _own(model, name) for name in others.started}
    parts = {key: value for key, value in model.items() if key not in {"services", "networks"}}
    joined = networks_of_routed(model, stack)
    if all(network.get("internal") for network in joined.values()):
        joined[ingress.EDGE] = {}
    return {
        **parts,
        "services": {**services, ingress.SERVICE: {**traefik, "networks": dict.fromkeys(joined)}},
        "networks": {**(model.get("networks") or {}), **joined},
    }


def _own(model: Model, name: str) -> Json:
    service = {k: v for k, v in model["services"][name].items() if k not in {"ports", "container_name", "profiles"}}
    return {**service, "image": f"{model['name']}-{name}"} if service.get("build") else service


def networks_of_routed(model: Model, stack: Stack) -> Json:
    """The networks of the routed services, by key, in each of which Traefik must be; else the default one."""
    services = [model["services"].get(name) or {} for name, color in stack.written_services().items() if color]
    keys = dict.fromkeys(key for service in services for key in service.get("networks") or ())
    known = model.get("networks") or {}
    return {key: known.get(key) or {} for key in keys} or {"default": known.get("default") or {}}
