"""Turns a release's Compose model into the model that runs: pure functions."""

from collections.abc import Mapping
from typing import Any

from app.domain.errors import ComposeInvalid
from app.domain.release_stack import brought_back, names_of
from app.domain.stack import Stack
from workers.definition.changes.fingerprint import fingerprint, with_marks_of
from workers.definition.labels import DEFINITION_LABEL, RELEASE_LABEL, SHA_LABEL, STACK_LABEL, Model, image_name
from workers.definition.services.colors import with_colors
from workers.definition.services.copies import with_copies
from workers.definition.services.restart_policy import UNLESS_STOPPED
from workers.definition.services.retired import without_retired
from workers.definition.services.roles import COLOR_LABEL, JOB_LABEL, NAME_LABEL, ROLLOUT_LABEL, kind_labels, roles_in
from workers.ports import Stamp

ROLLBACK_LABEL = "updater.rollback"
"""A label that a release may set on any moved service: `never` if it cannot be rolled back, else `allowed`."""


def transform(model: Mapping[str, Any], stack: Stack, stamp: Stamp) -> Model:
    """The model that runs for the release `stamp`, made from the output of `compose config` for its files.

    For the services that the updater moves: images get the release's own name, the updater's labels are added,
    `restart: always` becomes `unless-stopped`, also in `deploy/restart_policy`, which Compose prefers (a stopped color
    or bot must stay stopped when the engine restarts), and the `container_name` of a singleton or follower becomes an
    alias. The stack file's retired services are removed, and a service that colors are made from becomes both.
    Everything else is unchanged.
    Raises ComposeInvalid if a service of the stack file is missing or is no container, if a service cannot run without
    a retired one, or if there is a service with the name of a color that is made.
    """
    result = without_retired(model, stack)
    _check_moved(result.get("services") or {}, stack)
    result = with_colors(result, stack)
    services = result["services"]
    for name, color in stack.moved_services().items():
        services[name] = _service(services[name], name, stack, stamp, result)
        if color is None:
            services[name] = _unnamed(services[name])
        else:
            services[name]["labels"][COLOR_LABEL] = str(color)
        if name in stack.jobs:
            services[name]["labels"][JOB_LABEL] = "true"
        services[name]["labels"].update(kind_labels(stack).get(name, {}))
    return result


def _check_moved(services: Mapping[str, Any], stack: Stack) -> None:
    written = stack.written_services()
    if missing := sorted(set(written) - set(services)):
        raise ComposeInvalid(
            f"it has no service {', '.join(missing)}, but the stack file names it. Traffic is unchanged. Add it to the "
            "release's Compose files, or remove it from the stack file"
        )
    own = stack.updater.services if stack.updater else ()
    if programs := sorted(name for name in (*written, *own) if "provider" in services.get(name, {})):
        raise ComposeInvalid(
            f"{', '.join(programs)} has a `provider`: Compose would run a program of this machine, not a container"
        )


def restamp(model: Mapping[str, Any], stack: Stack, stamp: Stamp) -> Model:
    """A transformed model, relabelled for another rollout of the same release. Raises ComposeInvalid.

    What the stack file calls a singleton now becomes one: it has one copy from then on.
    """
    result = without_retired(model, stack)
    roles = roles_in(result)
    part = brought_back(stack, roles)
    for single in (s.service for s in part.singletons if s.service in roles):
        result["services"][single] = with_copies(result["services"][single], 1)
    for name in (name for name in part.moved_services() if name in roles):
        service = result["services"][name]
        labels = service["labels"]
        labels[ROLLOUT_LABEL] = stamp.rollout
        labels.update(kind_labels(part).get(name, {}))
        labels[DEFINITION_LABEL] = with_marks_of(labels[DEFINITION_LABEL], service, result)
    return result


def one_way(model: Mapping[str, Any], stack: Stack) -> bool:
    """Whether the release declares in a service that it cannot be rolled back. Raises ComposeInvalid."""
    services = model["services"]
    moved = [name for name in dict.fromkeys((*stack.moved_services(), *roles_in(model))) if name in services]
    declared = {name: (services[name].get("labels") or {}).get(ROLLBACK_LABEL, "allowed") for name in moved}
    if odd := {name: word for name, word in declared.items() if word not in {"never", "allowed"}}:
        where = ", ".join(f"{name} has {word!r}" for name, word in odd.items())
        raise ComposeInvalid(f"{ROLLBACK_LABEL} must be never or allowed; {where}")
    return "never" in declared.values()


def _service(service: Mapping[str, Any], name: str, stack: Stack, stamp: Stamp, model: Mapping[str, Any]) -> Model:
    changed = dict(service)
    if "build" in service:
        changed["build"] = {**service["build"], "labels": _labelled(service["build"], stack)}
        changed["image"] = image_name(stack.project, name, stamp.sha)
        changed["pull_policy"] = "never"
    if changed.get("restart") == "always":
        changed["restart"] = UNLESS_STOPPED
    policy = (service.get("deploy") or {}).get("restart_policy") or {}
    if policy.get("condition") in {"any", "always"}:
        changed["deploy"] = {**service["deploy"], "restart_policy": {**policy, "condition": UNLESS_STOPPED}}
    changed["labels"] = {
        **(service.get("labels") or {}),
        STACK_LABEL: stack.project,
        NAME_LABEL: names_of(stack)[name],
        RELEASE_LABEL: stamp.release,
        SHA_LABEL: stamp.sha,
        ROLLOUT_LABEL: stamp.rollout,
        DEFINITION_LABEL: fingerprint(changed, model),
    }
    return changed


def _unnamed(service: Mapping[str, Any]) -> Model:
    """Turns a fixed container name into an alias: a new container is created while the old one still exists."""
    changed = dict(service)
    if (name := changed.pop("container_name", None)) and "network_mode" not in changed:
        networks = changed.get("networks") or {"default": None}
        changed["networks"] = {key: _with_alias(network, name) for key, network in networks.items()}
    return changed


def _with_alias(network: Mapping[str, Any] | None, name: str) -> Model:
    settings = dict(network or {})
    return {**settings, "aliases": [*settings.get("aliases", []), name]}


def _labelled(build: Mapping[str, Any], stack: Stack) -> dict[str, str]:
    """The image's labels plus the stack's, equal for every release, so that an unchanged image keeps its id."""
    return {**(build.get("labels") or {}), STACK_LABEL: stack.project}
