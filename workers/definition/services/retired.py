"""Removes the stack file's `retired` services from a release's Compose model: pure functions.

The model records which services were removed, so that `plan` and `doctor` can report that the release's file still has
them.
"""

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from app.domain.errors import ComposeInvalid
from app.domain.stack import Stack

LEFT_OUT = "x-updater-retired"
"""The key that lists the removed services. Compose ignores keys that begin with `x-`:
https://docs.docker.com/reference/compose-file/extension/"""

Model = dict[str, Any]
Service = Mapping[str, Any]

SHARED = ("network_mode", "ipc", "pid")
"""Keys that make a service share a namespace with another: `service:<name>` or `container:<container name>`."""

PARTS = ("networks", "volumes", "secrets", "configs")


def without_retired(model: Mapping[str, Any], stack: Stack, *, check: bool = True) -> Model:
    """`model` without the retired services, the resources only they use, and the optional references to them.

    Raises ComposeInvalid if another service cannot run without a retired one. With `check=False` such a service is
    left unchanged; use that only for a model that starts nothing.
    """
    result: Model = copy.deepcopy(dict(model))
    services: dict[str, Any] = result.get("services") or {}
    gone = {name: services.pop(name) for name in stack.retired if name in services}
    if not gone:
        return result
    if check:
        _check(services, gone)
    for service in services.values():
        _forget(service, gone)
    _drop_unused(result, gone)
    result[LEFT_OUT] = sorted({*gone, *(model.get(LEFT_OUT) or ())})
    return result


def left_out(model: Mapping[str, Any] | None, stack: Stack) -> tuple[str, ...]:
    """The retired services that the release's own file still has."""
    known = {*((model or {}).get(LEFT_OUT) or ()), *((model or {}).get("services") or ())}
    return tuple(name for name in stack.retired if name in known)


def uses_of(service: Service) -> dict[str, set[str]]:
    """The networks, volumes, secrets (including build secrets) and configs that a service of a resolved model uses."""
    build = service.get("build") or {}
    return {
        "networks": set(service.get("networks") or {}),
        "volumes": {v["source"] for v in service.get("volumes") or () if v["type"] == "volume" and "source" in v},
        "secrets": {s["source"] for s in (*(service.get("secrets") or ()), *(build.get("secrets") or ()))},
        "configs": {config["source"] for config in service.get("configs") or ()},
    }


def resources_of(service: Service, model: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What `uses_of` finds, as `model` defines it, by `<part>/<name>`: without what a definition leaves open."""
    return {
        f"{part}/{key}": {k: v for k, v in ((model.get(part) or {}).get(key) or {}).items() if v}
        for part, keys in uses_of(service).items()
        for key in sorted(keys)
    }


def uses_in(part: str, service: Service, model: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """The uses of configs or secrets (`part`) by the service's container, each with its definition in `model`."""
    for use in service.get(part) or ():
        yield use, (model.get(part) or {}).get(use["source"])


def _check(services: Mapping[str, Service], gone: Mapping[str, Service]) -> None:
    wrong = [
        f"{name} has {key}: {value}" for name, service in services.items() for key, value in _inside(service, gone)
    ]
    if wrong:
        raise ComposeInvalid(
            f"{'; '.join(wrong)}: it cannot run without a service that stack.yml retires. Traffic is unchanged. "
            "Change the release's Compose file, remove the service from `retired`, or retire both"
        )


def _inside(service: Service, gone: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """The keys and values of `service` that require one of `gone` to exist."""
    targets = {f"service:{name}" for name in gone} | {f"container:{name}" for name in _container_names(gone)}
    for key in SHARED:
        if (value := service.get(key)) in targets:
            yield key, str(value)
    for value in service.get("volumes_from") or ():
        if _source(value) in {*gone, *targets}:
            yield "volumes_from", value
    for name, value in ((service.get("build") or {}).get("additional_contexts") or {}).items():
        if value in targets:
            yield f"build/additional_contexts/{name}", value


def _source(value: str) -> str:
    """`value` without its access mode `:ro` or `:rw`."""
    return value.removesuffix(":ro").removesuffix(":rw")


def _forget(service: Model, gone: Mapping[str, Service]) -> None:
    """Drops the references that `service` can run without: `depends_on` and links."""
    names = {*gone, *_container_names(gone)}
    if waits := service.get("depends_on"):
        _keep(service, "depends_on", {key: how for key, how in waits.items() if key not in gone})
    for key in ("links", "external_links"):
        if links := service.get(key):
            _keep(service, key, [link for link in links if link.partition(":")[0] not in names])


def _keep(service: Model, key: str, left: Collection[Any]) -> None:
    if left:
        service[key] = left
    else:
        del service[key]


def _container_names(services: Mapping[str, Service]) -> set[str]:
    return {name for service in services.values() if (name := service.get("container_name"))}


def _drop_unused(model: Model, gone: Mapping[str, Service]) -> None:
    """Drops what only the retired services used: Compose fails on a missing external network or secret file."""
    dropped, kept = _uses(gone.values()), _uses((model.get("services") or {}).values())
    for part in PARTS:
        for name in dropped[part] - kept[part]:
            (model.get(part) or {}).pop(name, None)


def _uses(services: Iterable[Service]) -> dict[str, set[str]]:
    found = [uses_of(service) for service in services]
    return {part: set().union(*(each[part] for each in found)) for part in PARTS}
