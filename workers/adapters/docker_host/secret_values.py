"""The values of secrets and configs that a model takes from the environment: Compose needs them at each start."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.stack import Stack
from workers.adapters.docker_host.compose import Compose
from workers.adapters.docker_host.compose_commands import ComposeFiles
from workers.definition.environment import environment_names
from workers.definition.variables import Unset


@dataclass(frozen=True)
class SecretValues:
    """Today's `values` by variable, and those that are not set and that the stack file does not allow to be."""

    values: dict[str, str]
    unset: list[Unset]


async def secret_values(
    compose: Compose, stack: Stack, given: ComposeFiles, model: Mapping[str, Any], services: Collection[str]
) -> SecretValues:
    """Compose reports an unset one only when it starts the service. Raises ComposeInvalid."""
    names = environment_names(model, services)
    said = await compose.values([text for name in names for text in (f"${{{name}+set}}", f"${{{name}}}")], given)
    found = dict(zip(names, zip(said[::2], said[1::2], strict=True), strict=True))
    lacking = [name for name, (is_set, _) in found.items() if not is_set and name not in stack.allow_unset]
    unset = [Unset(name, ("a secret or config",)) for name in lacking]
    return SecretValues({name: value for name, (_, value) in found.items()}, unset)
