"""Changes the paths of a model's mounted files: pure functions."""

import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from workers.definition.files.origins import MOUNTED_PARTS
from workers.definition.services.retired import uses_of

Model = dict[str, Any]


def replaced(model: Mapping[str, Any], path_of: Callable[[str], str]) -> Model:
    """`model` with `path_of` each mounted file and directory of the host."""
    result: Model = copy.deepcopy(dict(model))
    for holder, key in _places(result):
        holder[key] = path_of(holder[key])
    return result


def as_before(
    model: Mapping[str, Any],
    before: Mapping[str, Any],
    moved: Collection[str],
    same: Callable[[str, str], bool],
    live_path: Callable[[str], str] = str,
) -> Model:
    """`model`, in which services that the updater does not replace keep the paths of `before` if what is there is the
    `same`: else a plain `docker compose up` would replace containers that are right.

    What `before` does not have was started from the live directory: there, `live_path` gives its path.
    """
    result: Model = copy.deepcopy(dict(model))
    services = result.get("services") or {}
    for name in set(services) - set(moved):
        old = _binds((before.get("services") or {}).get(name) or {})
        for target, volume in _binds(services[name]).items():
            there = old[target]["source"] if target in old else live_path(volume["source"])
            if same(volume["source"], there):
                volume["source"] = there
    for part in MOUNTED_PARTS:
        needed = {key for name in moved if name in services for key in uses_of(services[name])[part]}
        for key, each in (result.get(part) or {}).items():
            if key in needed or not each.get("file"):
                continue
            there = ((before.get(part) or {}).get(key) or {}).get("file") or live_path(each["file"])
            if same(each["file"], there):
                each["file"] = there
    return result


def mounted(model: Mapping[str, Any]) -> list[str]:
    """Every mounted file and directory of the host."""
    return [str(holder[key]) for holder, key in _places(model)]


def _binds(service: Mapping[str, Any]) -> dict[str, Any]:
    """The service's bind mounts by their path in the container."""
    volumes = service.get("volumes") or ()
    return {str(v.get("target")): v for v in volumes if v.get("type") == "bind" and v.get("source")}


def _places(model: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """Each mapping that has the path of a mounted file, with its key."""
    for service in (model.get("services") or {}).values():
        yield from ((volume, "source") for volume in _binds(service).values())
    for part in MOUNTED_PARTS:
        yield from ((each, "file") for each in (model.get(part) or {}).values() if (each or {}).get("file"))
