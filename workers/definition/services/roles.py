"""Which services of a kept definition its release moves, and as what. Pure functions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.domain.callers.names import FORMER_NAMES
from app.domain.release_stack import Role
from app.domain.stack import Color, made_colors

COLOR_LABEL = "updater.color"
ROLLOUT_LABEL = "updater.rollout"
NAME_LABEL = "updater.service"
"""The name in the stack file of the routed service, singleton or follower; of a job, its service.

Definitions of earlier updaters do not have it.
"""


JOB_LABEL = "updater.job"
"""Of a service that only runs before the flip. Else the release keeps it running."""


def roles_in(model: Mapping[str, Any]) -> dict[str, Role]:
    """The roles of the services of a transformed model; none if `transform` did not make it."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    labeled = {name: service.get("labels") or {} for name, service in services.items()}
    roles = {name: role_in(labels) for name, labels in labeled.items() if ROLLOUT_LABEL in labels}
    made = model.get(FORMER_NAMES) or {}
    return {name: _made(name, role) if role.name in made else role for name, role in roles.items()}


def _made(service: str, role: Role) -> Role:
    """The role of a color that `with_colors` made."""
    original = service.removesuffix(f"-{role.color}")
    is_made = role.color is not None and made_colors(original)[role.color] == service
    return replace(role, made_from=original) if is_made else role


def role_in(labels: Mapping[str, str]) -> Role:
    """The role of a service or a container that has the labels of a rollout."""
    color = labels.get(COLOR_LABEL)
    return Role(Color(color) if color in list(Color) else None, labels.get(NAME_LABEL), job=JOB_LABEL in labels)
