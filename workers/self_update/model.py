"""The self-update's data and decisions: pure functions of Compose models and of what runs."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.stack import Updater

SUCCESSOR = "updater-successor"

Model = dict[str, Any]
Services = Mapping[str, Mapping[str, Any]]
"""The updater's services as one release defines them: by their Compose name."""


@dataclass(frozen=True)
class Attempt:
    """The one attempt to replace the updater by the one of the release `tag`, for its rollout `rollout`.

    `worker`: the container of the worker that began it. `why`: it goes, or went, back to the updater before it, and
    why. `starts`: how often the successor was started.
    """

    rollout: str
    tag: str
    worker: str = ""
    ended: bool = False
    why: str = ""
    starts: int = 0


@dataclass(frozen=True)
class Runs:
    """How one service runs, as the engine has it.

    `environment` is all that its container has, `inherited` what of it the image says. `mounts`: inside → outside.
    """

    image: str
    environment: Mapping[str, str]
    inherited: Mapping[str, str]
    command: tuple[str, ...]
    mounts: Mapping[str, str]


def own_services(model: Mapping[str, Any], updater: Updater) -> Services:
    """What decides how the updater's services run; how their images are made does not. One it lacks is not in it."""
    found = {name: model["services"][name] for name in updater.services if name in model["services"]}
    return {name: {k: v for k, v in s.items() if k not in {"build", "pull_policy"}} for name, s in found.items()}


def runs_as(running: Mapping[str, Runs], services: Services, project: str) -> bool:
    """Whether what runs was started from `services`, as far as the engine tells: image, command, environment, mounts.

    Compose's own hash of a definition is not asked: two versions of Compose make two hashes of one definition, and
    the operator's that started the updater first is not the updater's.
    """
    return running.keys() == services.keys() and all(
        _runs_as(running[name], service, f"{project}-{name}") for name, service in services.items()
    )


def _runs_as(seen: Runs, service: Mapping[str, Any], built: str) -> bool:
    environment = {k: _read(v) for k, v in (service.get("environment") or {}).items() if v is not None}
    added = {k: v for k, v in seen.environment.items() if seen.inherited.get(k) != v}
    command = tuple(_read(word) for word in service.get("command") or ())
    return (
        seen.image == str(service.get("image", built))
        and (not command or command == seen.command)
        and all(seen.environment.get(k) == v for k, v in environment.items())
        and added.keys() <= environment.keys()
        and all(_is_mounted(volume, seen.mounts) for volume in service.get("volumes") or ())
    )


def _is_mounted(volume: Mapping[str, Any], mounts: Mapping[str, str]) -> bool:
    if volume["type"] == "bind":
        return mounts.get(volume["target"]) == str(volume["source"])
    return volume["type"] != "volume" or volume["target"] in mounts


def _read(value: Any) -> str:
    """A value as its container gets it: in a resolved model Compose writes each `$` twice."""
    return str(value).replace("$$", "$")


def installable(model: Mapping[str, Any], updater: Updater) -> Model:
    """`model`, of which the updater's services are started from images that are there, whatever a registry has now."""
    result: Model = copy.deepcopy(dict(model))
    for name in updater.services:
        result["services"][name]["pull_policy"] = "never"
    return result


def successor_model(old: Mapping[str, Any], updater: Updater, rollout: str) -> Model:
    """The model `old` with one more service, which replaces the updater: the worker that runs, with another command.

    It is the old one's image, mounts and networks, because they are known to work: what puts the old updater back must
    not stand on what is being tried. It has none of the worker's names.
    `unless-stopped`: it is started again when it dies, and with the engine, until it stops itself.
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
