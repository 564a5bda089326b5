"""The stack file's `retired` services, taken out of a release's Compose model: pure functions.

What is left out is named in the model, so that `plan` and `doctor` can say that the release's file still has it.
"""

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from app.domain.errors import ComposeInvalid
from app.domain.stack import Stack

LEFT_OUT = "x-updater-retired"
"""The services that were taken out. Compose ignores keys that begin so:
https://docs.docker.com/reference/compose-file/extension/"""

Model = dict[str, Any]
Service = Mapping[str, Any]

SHARED = ("network_mode", "ipc", "pid")
"""Keys by which a service runs inside another: `service:<name>` or `container:<container name>`."""

PARTS = ("networks", "volumes", "secrets", "configs")


def without_retired(model: Mapping[str, Any], stack: Stack, *, check: bool = True) -> Model:
    """`model` without the retired services, what only they use, and the references to them that can be dropped.

    Raises ComposeInvalid when another service cannot run without one of them. Without `check` such a service stays as
    it is: for a model that nothing is started from.
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
    """The retired services that the release of `model` has in its own file."""
    known = {*((model or {}).get(LEFT_OUT) or ()), *((model or {}).get("services") or ())}
    return tuple(name for name in stack.retired if name in known)


def uses_of(service: Service) -> dict[str, set[str]]:
    """What a service of a resolved model uses, by the part of the model that defines it; its build's secrets too."""
    build = service.get("build") or {}
    return {
        "networks": set(service.get("networks") or {}),
        "volumes": {v["source"] for v in service.get("volumes") or () if v["type"] == "volume" and "source" in v},
        "secrets": {s["source"] for s in (*(service.get("secrets") or ()), *(build.get("secrets") or ()))},
        "configs": {config["source"] for config in service.get("configs") or ()},
    }


def _check(services: Mapping[str, Service], gone: Mapping[str, Service]) -> None:
    wrong = [
        f"{name} has {key}: {value}" for name, service in services.items() for key, value in _inside(service, gone)
    ]
    if wrong:
        raise ComposeInvalid(
            f"{'; '.join(wrong)}: it cannot run without a service that stack.yml retires. Traffic is not touched. "
            "Change that in the release's Compose file, or take the service out of `retired`, or retire both"
        )


def _inside(service: Service, gone: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """The keys and values by which `service` needs one of `gone` to exist."""
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
    """Of `name`, `name:ro` and `container:name:ro`, all but the access."""
    return value.removesuffix(":ro").removesuffix(":rw")


def _forget(service: Model, gone: Mapping[str, Service]) -> None:
    """Drops the references without which `service` runs: what it waits for, and links."""
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
    """An external network that nobody has any more, or a secret without a file, would be an error of Compose's."""
    theirs, ours = _uses(gone.values()), _uses((model.get("services") or {}).values())
    for part in PARTS:
        for name in theirs[part] - ours[part]:
            (model.get(part) or {}).pop(name, None)


def _uses(services: Iterable[Service]) -> dict[str, set[str]]:
    found = [uses_of(service) for service in services]
    return {part: set().union(*(each[part] for each in found)) for part in PARTS}
