"""Which services of a kept definition its release moves, and as what. Pure functions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.domain.callers.names import FORMER_NAMES
from app.domain.release_stack import Role
from app.domain.stack import Color, Stack, made_colors
from workers.definition.services.copies import copies_of

COLOR_LABEL = "updater.color"
ROLLOUT_LABEL = "updater.rollout"
NAME_LABEL = "updater.service"
"""The name in the stack file of the routed service, singleton or follower; of a job, its service.

Definitions of earlier updaters do not have it.
"""


JOB_LABEL = "updater.job"
"""Of a service that only runs before the flip. Else the release keeps it running."""

SINGLE_LABEL = "updater.singleton"
"""`true` of a singleton, `false` of a follower. Definitions of earlier updaters do not have it."""


def roles_in(model: Mapping[str, Any]) -> dict[str, Role]:
    """The roles of the services of a transformed model; none if `transform` did not make it."""
    services: Mapping[str, Mapping[str, Any]] = model.get("services") or {}
    labeled = {name: service.get("labels") or {} for name, service in services.items()}
    roles = {name: _role(services[name], labels) for name, labels in labeled.items() if ROLLOUT_LABEL in labels}
    made = model.get(FORMER_NAMES) or {}
    return {name: _made(name, role) if role.name in made else role for name, role in roles.items()}


def _role(service: Mapping[str, Any], labels: Mapping[str, str]) -> Role:
    """A singleton has one copy: with several, the service was a follower."""
    role = role_in(labels)
    several = role.color is None and not role.job and copies_of(service) > 1
    return replace(role, single=False) if role.single is None and several else role


def _made(service: str, role: Role) -> Role:
    """The role of a color that `with_colors` made."""
    original = service.removesuffix(f"-{role.color}")
    is_made = role.color is not None and made_colors(original)[role.color] == service
    return replace(role, made_from=original) if is_made else role


def role_in(labels: Mapping[str, str]) -> Role:
    """The role of a service or a container that has the labels of a rollout."""
    color, single = labels.get(COLOR_LABEL), labels.get(SINGLE_LABEL)
    return Role(
        Color(color) if color in list(Color) else None,
        labels.get(NAME_LABEL),
        job=JOB_LABEL in labels,
        single=None if single is None else single == "true",
    )


def kind_labels(stack: Stack) -> dict[str, dict[str, str]]:
    """By Compose service, the label that says whether it is a singleton or a follower."""
    singles = {s.service: "true" for s in stack.singletons} | {f.service: "false" for f in stack.followers}
    return {service: {SINGLE_LABEL: single} for service, single in singles.items()}
