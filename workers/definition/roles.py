"""Which services of a kept definition its release moves, and as what. Pure functions."""

from collections.abc import Mapping
from typing import Any

from app.domain.release_stack import Role
from app.domain.stack import Color

COLOR_LABEL = "updater.color"
ROLLOUT_LABEL = "updater.rollout"
NAME_LABEL = "updater.service"
"""The name of the routed service or singleton in the stack file. Definitions of earlier updaters do not have it."""


def roles_in(model: Mapping[str, Any]) -> dict[str, Role]:
    """The roles of the services of a transformed model; none if `transform` did not make it."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    labelled = {name: service.get("labels") or {} for name, service in services.items()}
    return {name: role_in(labels) for name, labels in labelled.items() if ROLLOUT_LABEL in labels}


def role_in(labels: Mapping[str, str]) -> Role:
    """The role of a service or a container that has the labels of a rollout."""
    color = labels.get(COLOR_LABEL)
    return Role(Color(color) if color in list(Color) else None, labels.get(NAME_LABEL))
