"""The self-update's data and decisions: pure functions of Compose models and running containers."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from app.domain.stack import Updater
from workers.definition.files.injected_files import path_inside
from workers.definition.files.origins import MOUNTED_PARTS
from workers.definition.services.retired import resources_of
from workers.redaction.encodings import undoubled

SUCCESSOR = "updater-successor"
USED = "x-updater-used"

Model = dict[str, Any]
Services = Mapping[str, Mapping[str, Any]]
"""One release's definitions of the updater's services, by Compose name."""


@dataclass(frozen=True)
class Attempt:
    """The attempt to replace the updater with that of the release `tag`, for its rollout `rollout`.

    `worker`: the container of the worker that began it. `why`: the reason for going back to the previous updater;
    empty if it does not. `starts`: how often the successor was started.
    """

    rollout: str
    tag: str
    worker: str = ""
    ended: bool = False
    why: str = ""
    starts: int = 0


def attempt_in(content: bytes) -> Attempt | None:
    """Returns the recorded attempt without the fields that another version added; None if it cannot be read."""
    try:
        recorded = json.loads(content)
        return Attempt(**{name: value for name, value in recorded.items() if name in _ATTEMPT})
    except (ValueError, TypeError, AttributeError):
        return None


_ATTEMPT = frozenset(field.name for field in fields(Attempt))


class Side(StrEnum):
    """Who may stop the other one: the worker may dismiss the successor, or the successor may replace the worker.

    The engine does not restart a container that was stopped. If each stopped the other, no updater would be left.
    """

    WORKER = "worker"
    SUCCESSOR = "successor"


@dataclass(frozen=True)
class Runs:
    """How one service runs, according to the engine.

    `environment`: all of the container's variables. `inherited`: the image's variables. `mounts`: inside → outside.
    """

    image: str
    environment: Mapping[str, str]
    inherited: Mapping[str, str]
    command: tuple[str, ...]
    mounts: Mapping[str, str]


def own_services(model: Mapping[str, Any], updater: Updater) -> Services:
    """Returns the definitions of the updater's services in `model`, without how their images are built or pulled.

    The definitions of the configs and secrets that a service uses are under the key USED.
    """
    found = {name: model["services"][name] for name in updater.services if name in model["services"]}
    kept = {name: {k: v for k, v in s.items() if k not in {"build", "pull_policy"}} for name, s in found.items()}
    return {name: {**service, USED: _copied_or_mounted(service, model)} for name, service in kept.items()}


def from_environment(services: Services) -> list[str]:
    """The variables from which the configs and secrets of these definitions of `own_services` take their values."""
    found = (used.get("environment") for service in services.values() for used in service.get(USED, {}).values())
    return sorted({name for name in found if name})


def _copied_or_mounted(service: Mapping[str, Any], model: Mapping[str, Any]) -> Mapping[str, Any]:
    resources = resources_of(service, model)
    return {name: found for name, found in resources.items() if name.partition("/")[0] in MOUNTED_PARTS}


def runs_as(running: Mapping[str, Runs], services: Services, project: str) -> bool:
    """Returns whether `running` was started from `services`: compares image, command, environment and mounts.

    The mounts include the files of configs and secrets. What Compose copies into a container is not compared.

    Compose's own hash of a definition is no help: it differs between versions of Compose, and the operator's Compose,
    which first started the updater, is not the updater's.
    """
    return running.keys() == services.keys() and all(
        _runs_as(running[name], service, f"{project}-{name}") for name, service in services.items()
    )


def _runs_as(seen: Runs, service: Mapping[str, Any], built: str) -> bool:
    environment = {k: undoubled(str(v)) for k, v in (service.get("environment") or {}).items() if v is not None}
    added = {k: v for k, v in seen.environment.items() if seen.inherited.get(k) != v}
    command = tuple(undoubled(str(word)) for word in service.get("command") or ())
    return (
        seen.image == str(service.get("image", built))
        and (not command or command == seen.command)
        and all(seen.environment.get(k) == v for k, v in environment.items())
        and added.keys() <= environment.keys()
        and all(_is_mounted(volume, seen.mounts) for volume in service.get("volumes") or ())
        and all(seen.mounts.get(target) == file for target, file in _files(service))
    )


def _files(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files of the configs and secrets of a service of `own_services`: inside → outside."""
    defined = service.get(USED) or {}
    for part in MOUNTED_PARTS:
        for use in service.get(part) or ():
            if file := (defined.get(f"{part}/{use['source']}") or {}).get("file"):
                yield path_inside(part, use), undoubled(str(file))


def _is_mounted(volume: Mapping[str, Any], mounts: Mapping[str, str]) -> bool:
    if volume["type"] == "bind":
        return mounts.get(volume["target"]) == undoubled(str(volume["source"]))
    return volume["type"] != "volume" or volume["target"] in mounts


def installable(model: Mapping[str, Any], updater: Updater) -> Model:
    """Returns `model` with the updater's services set to use local images only, regardless of the registry."""
    result: Model = copy.deepcopy(dict(model))
    for name in updater.services:
        result["services"][name]["pull_policy"] = "never"
    return result


def successor_model(old: Mapping[str, Any], updater: Updater, rollout: str) -> Model:
    """Returns `old` with the successor: a copy of the running worker's service with another command.

    The successor uses the old worker's image, mounts and networks, because they are known to work: restoring the old
    updater must not depend on the new one. It has none of the worker's names.
    `unless-stopped`: the engine restarts it when it dies, and when the engine itself restarts, until it stops itself.
    """
    result = installable(old, updater)
    service = copy.deepcopy(result["services"][updater.worker])
    for name in ("depends_on", "container_name", "hostname", "ports", "expose", "profiles", "build", "deploy", "scale"):
        service.pop(name, None)
    service["networks"] = dict.fromkeys(service.get("networks") or {"default": None})
    service["command"] = ["python", "-m", "workers.successor", rollout]
    service["restart"] = "unless-stopped"
    service["healthcheck"] = {"disable": True}
    result["services"][SUCCESSOR] = service
    return result
