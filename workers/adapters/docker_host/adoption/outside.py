"""Finds containers that run a service of the stack outside its Compose project, in the engine's list."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from app.domain.stack import Stack
from workers.adapters.docker_host.client import ONEOFF_LABEL, PROJECT_LABEL, SERVICE_LABEL
from workers.adapters.docker_host.reached import SHORT_ID
from workers.definition.labels import ONCE_LABEL
from workers.ports import Outsider

FILES_LABEL = "com.docker.compose.project.config_files"
"""The absolute paths of the project's Compose files, separated by commas."""

ENDED = {"created", "exited", "dead", "removing"}
"""The states in which a container does not run and is not about to start."""


def outsiders(
    listed: Iterable[Mapping[str, Any]],
    model: Mapping[str, Any],
    stack: Stack,
    service: str,
    *,
    of_the_engine: bool = True,
) -> list[Outsider]:
    """The containers that are not an instance of `service`, but run what `model` defines for it.

    `listed`: every container, as `GET /containers/json` has it. `model`: that of the live directory's Compose file,
    empty if it does not resolve. `of_the_engine`: the containers of the project are the instances; in a swarm, they are
    what remains of one host.
    """
    defined = (model.get("services") or {}).get(service) or {}
    up = [each for each in listed if each.get("State") not in ENDED]
    found = [_outsider(each, defined, stack, service, of_the_engine=of_the_engine) for each in up]
    return sorted((each for each in found if each), key=lambda each: each.name)


def _outsider(
    listed: Mapping[str, Any], defined: Mapping[str, Any], stack: Stack, service: str, *, of_the_engine: bool
) -> Outsider | None:
    labels: Mapping[str, str] = listed.get("Labels") or {}
    of_project = _is_instance(labels, stack, service)
    if ONCE_LABEL in labels or (of_project and of_the_engine):
        return None
    names = [str(name).removeprefix("/") for name in listed.get("Names") or ()]
    project = labels.get(PROJECT_LABEL)
    named = bool(defined.get("container_name")) and defined["container_name"] in names
    image = str(defined.get("image") or f"{stack.project}-{service}")
    by_itself = project is None and _tagged(str(listed.get("Image"))) == _tagged(image)
    if not (named or by_itself or of_project or _is_of_its_file(labels, stack, service)):
        return None
    return Outsider(names[0] if names else str(listed["Id"])[:SHORT_ID], project, named=named)


def _tagged(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def _is_instance(labels: Mapping[str, str], stack: Stack, service: str) -> bool:
    """Whether it is an instance of `service` on one host."""
    once = labels.get(ONEOFF_LABEL, "False") != "False"
    return labels.get(PROJECT_LABEL) == stack.project and labels.get(SERVICE_LABEL) == service and not once


def _is_of_its_file(labels: Mapping[str, str], stack: Stack, service: str) -> bool:
    """Whether Compose made it for `service` from the stack's own file: as another project, or by `compose run`."""
    own = {str(PurePosixPath(stack.directory, file)) for file in stack.compose_files}
    return labels.get(SERVICE_LABEL) == service and not own.isdisjoint(labels.get(FILES_LABEL, "").split(","))
