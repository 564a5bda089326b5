"""How many containers of a service run at once. Pure functions."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.stack import Stack

Service = Mapping[str, Any]


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


def wrong_numbers(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """What refuses a release because of its numbers of copies, and what to write."""
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


def uneven(model: Mapping[str, Any], stack: Stack) -> Iterator[str]:
    """A warning for each routed service whose colors have different numbers of copies."""
    services: Mapping[str, Service] = model.get("services") or {}
    for routed in stack.routed:
        numbers = {name: copies_of(services[name]) for name in routed.colors.values() if name in services}
        if len(set(numbers.values())) > 1:
            listed = " and ".join(f"{name} has {copies_text(number)}" for name, number in numbers.items())
            yield f"{listed}: each release changes how many copies serve. Write the same number for both"


def _key(service: Service) -> str:
    return "deploy/replicas" if service.get("scale") is None else "scale"


def copies_text(number: int) -> str:
    return "1 copy" if number == 1 else f"{number} copies"
