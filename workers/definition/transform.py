"""Turns the release's Compose model into the model that runs: a pure function."""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from app.domain.errors import ComposeInvalid
from app.domain.stack import Color, Stack
from workers.definition.retired import left_out, uses_of, without_retired
from workers.ports import Comparison, Difference, Stamp

STACK_LABEL = "updater.stack"
RELEASE_LABEL = "updater.release"
SHA_LABEL = "updater.sha"
COLOR_LABEL = "updater.color"
ROLLOUT_LABEL = "updater.rollout"
DEFINITION_LABEL = "updater.definition"
SHA_LENGTH = 12
ONCE_LABEL = "updater.once"
"""On what runs a release's before_flip command: its name."""

ROLLBACK_LABEL = "updater.rollback"
"""A release's own word, on any service that is moved: `never` where it cannot be rolled back, else `allowed`."""

IDLE_PROFILE = "updater-idle"

Model = dict[str, Any]


def image_name(project: str, service: str, sha: str) -> str:
    """`<project>-<service>:<sha12>`."""
    return f"{project}-{service}:{sha[:SHA_LENGTH]}"


def transform(model: Mapping[str, Any], stack: Stack, stamp: Stamp, *, live: str, tree: str) -> Model:
    """The model of the release `stamp`, from what `compose config` printed for its file.

    Of the services that the updater moves: build contexts below the live directory `live` move to the worktree
    `tree`, images get the release's own name, own labels are added, and `restart: always` becomes `unless-stopped`
    (a stopped color or bot must stay stopped when the engine restarts), and a singleton's `container_name` becomes an
    alias. The stack file's retired services are left out. Everything else stays as it is.
    Raises ComposeInvalid when a service of the stack file is not there, or cannot run without a retired one.
    """
    result = without_retired(model, stack)
    services = result.get("services") or {}
    moved = stack.moved_services()
    missing = sorted(set(moved) - set(services))
    if missing:
        raise ComposeInvalid(f"it has no service {', '.join(missing)}, which the stack file names")
    for name, color in moved.items():
        services[name] = _service(services[name], name, stack, stamp, (live, tree))
        if color is None:
            services[name] = _unnamed(services[name])
        else:
            services[name]["labels"][COLOR_LABEL] = str(color)
    return result


def restamp(model: Mapping[str, Any], stack: Stack, stamp: Stamp) -> Model:
    """A model that was transformed before, for another rollout of the same release. Raises ComposeInvalid."""
    result = without_retired(model, stack)
    for name in stack.moved_services():
        result["services"][name]["labels"][ROLLOUT_LABEL] = stamp.rollout
    return result


def as_it_runs(
    model: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    stack: Stack,
    color: Color,
    singletons: Mapping[str, str | None],
) -> Model:
    """`model`, live on `color`, as a plain `docker compose up` may read it without changing what runs.

    The idle color is in a profile of its own: it does not run, and its images may not even be there. What depends on it
    depends on the live color instead. What is live is in no profile, whatever the release's file says. A singleton that
    runs since another rollout (`singletons`: service → rollout id) keeps the definition of that one, from `before`; so
    do the updater's own services, which run on as they are.
    """
    before = before or {"services": {}}
    of_now = {
        service
        for service, rollout in singletons.items()
        if rollout and before["services"].get(service, {}).get("labels", {}).get(ROLLOUT_LABEL) == rollout
    }
    own = stack.updater.services if stack.updater else ()
    result = with_services(model, before, [*sorted(of_now), *own])
    for routed in stack.routed:
        result["services"][routed.colors[color.other]]["profiles"] = [IDLE_PROFILE]
    for name in stack.services(color):
        result["services"][name].pop("profiles", None)
    return _depending_on(result, {r.colors[color.other]: r.colors[color] for r in stack.routed})


def _depending_on(model: Model, live: Mapping[str, str]) -> Model:
    """`model`, with the services of `live` for the idle ones that others depend on: Compose refuses such a model."""
    for name, service in model["services"].items():
        if waits := service.get("depends_on"):
            moved = {live.get(needed, needed): how for needed, how in waits.items()}
            service["depends_on"] = {needed: how for needed, how in moved.items() if needed != name}
    return model


def with_services(model: Mapping[str, Any], other: Mapping[str, Any], names: Iterable[str]) -> Model:
    """`model`, with the services `names` as `other` has them, if it does, and with what they need of it beside."""
    result: Model = copy.deepcopy(dict(model))
    for name in (n for n in names if n in other["services"]):
        service = result["services"][name] = copy.deepcopy(other["services"][name])
        if waits := service.get("depends_on"):
            service["depends_on"] = {key: how for key, how in waits.items() if key in result["services"]}
        for part, needed in uses_of(service).items():
            there = other.get(part) or {}
            missing = {key: there[key] for key in needed if key in there and key not in (result.get(part) or {})}
            if missing:
                result[part] = {**(result.get(part) or {}), **copy.deepcopy(missing)}
    return result


def one_way(model: Mapping[str, Any], stack: Stack) -> bool:
    """Whether the release says that it cannot be rolled back. Raises ComposeInvalid."""
    services = model["services"]
    said = {
        name: (services[name].get("labels") or {}).get(ROLLBACK_LABEL, "allowed") for name in stack.moved_services()
    }
    if odd := {name: word for name, word in said.items() if word not in {"never", "allowed"}}:
        where = ", ".join(f"{name} has {word!r}" for name, word in odd.items())
        raise ComposeInvalid(f"{ROLLBACK_LABEL} should be never or allowed; {where}")
    return "never" in said.values()


def fingerprint(service: Mapping[str, Any]) -> str:
    """What of a service's definition decides how it runs: all but its build, its image's name and own labels."""
    shown = {key: value for key, value in service.items() if key not in {"build", "image", "pull_policy"}}
    labels = {k: v for k, v in (service.get("labels") or {}).items() if not k.startswith("updater.")}
    canonical = json.dumps({**shown, "labels": labels}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _service(service: Mapping[str, Any], name: str, stack: Stack, stamp: Stamp, move: tuple[str, str]) -> Model:
    changed = dict(service)
    if "build" in service:
        changed["build"] = _reroot(service["build"], *move) | {"labels": _labelled(service["build"], stack)}
        changed["image"] = image_name(stack.project, name, stamp.sha)
        changed["pull_policy"] = "never"
    if changed.get("restart") == "always":
        changed["restart"] = "unless-stopped"
    changed["labels"] = {
        **(service.get("labels") or {}),
        STACK_LABEL: stack.project,
        RELEASE_LABEL: stamp.release,
        SHA_LABEL: stamp.sha,
        ROLLOUT_LABEL: stamp.rollout,
        DEFINITION_LABEL: fingerprint(changed),
    }
    return changed


def _unnamed(singleton: Mapping[str, Any]) -> Model:
    """A new singleton is created beside the old one, so its container can have no fixed name: that becomes an alias."""
    changed = dict(singleton)
    if name := changed.pop("container_name", None):
        networks = changed.get("networks") or {"default": None}
        changed["networks"] = {key: _with_alias(network, name) for key, network in networks.items()}
    return changed


def _with_alias(network: Mapping[str, Any] | None, name: str) -> Model:
    settings = dict(network or {})
    return {**settings, "aliases": [*settings.get("aliases", []), name]}


def _reroot(build: Mapping[str, Any], live: str, tree: str) -> Model:
    """The build with its context, and additional contexts, in the worktree. Compose has made the paths absolute."""
    changed = dict(build)
    changed["context"] = _move(build["context"], live, tree)
    if contexts := build.get("additional_contexts"):
        changed["additional_contexts"] = {key: _move(value, live, tree) for key, value in contexts.items()}
    return changed


def _labelled(build: Mapping[str, Any], stack: Stack) -> dict[str, str]:
    """The image's labels with the stack's name: the same for every release, so an unchanged image keeps its id."""
    return {**(build.get("labels") or {}), STACK_LABEL: stack.project}


def _move(path: str, live: str, tree: str) -> str:
    """`path` below `live` as the same path below `tree`; any other (an image, a URL) as it is."""
    try:
        return str(PurePosixPath(tree) / PurePosixPath(path).relative_to(live))
    except ValueError:
        return path


def compare(model: Mapping[str, Any], live: Mapping[str, Any] | None, stack: Stack, *, tree: str) -> Comparison:
    """A release's transformed model beside the live release's (None: nothing is live)."""
    moved = stack.moved_services()
    services = model["services"]
    before = without_retired(live, stack, check=False)["services"] if live else {}
    own = stack.updater.services if stack.updater else ()
    names = sorted({*services, *before} - set(moved)) if live else ()
    changed = [(name, why) for name in names if (why := _why(name, services, before))]
    return Comparison(
        moved=tuple(_difference(name, services[name], before.get(name), tree) for name in moved),
        others=tuple((name, why) for name, why in changed if name not in own),
        own=tuple(name for name, _ in changed if name in own),
        retired=left_out(model, stack),
        one_way=one_way(model, stack),
    )


def _difference(name: str, service: Mapping[str, Any], before: Mapping[str, Any] | None, tree: str) -> Difference:
    context = _move(service["build"]["context"], tree, ".") if "build" in service else None
    difference = Difference(name, service["image"], context)
    if before is None:
        return difference
    new, old = (_environment(s) for s in (service, before))
    return replace(
        difference,
        redefined=service["labels"][DEFINITION_LABEL] != before["labels"][DEFINITION_LABEL],
        added=tuple(sorted(set(new) - set(old))),
        removed=tuple(sorted(set(old) - set(new))),
        changed=tuple(sorted(key for key in set(new) & set(old) if new[key] != old[key])),
    )


def _environment(service: Mapping[str, Any]) -> Mapping[str, Any]:
    return service.get("environment") or {}


def _why(name: str, services: Mapping[str, Any], before: Mapping[str, Any]) -> str | None:
    if name not in before:
        return "it is new"
    if name not in services:
        return "it is gone from the release's file"
    return None if services[name] == before[name] else "its definition changed"
