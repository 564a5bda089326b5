"""The secrets in models and in the files of a stack, for the redactor to learn before anything prints them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from workers.adapters.redaction import text_of
from workers.adapters.threads import in_file_thread
from workers.definition.changes.fingerprint import OWN_LABELS
from workers.redaction.found import (
    files_in_model,
    parts_of,
    secrets_in_env,
    secrets_in_env_file,
    secrets_in_file,
    secrets_in_model,
)

Learn = Callable[[Iterable[str]], None]
"""Makes the redactor hide these texts, in every form."""


def learn_nothing(_: Iterable[str]) -> None:
    """For a Compose whose output nobody reads."""


async def learn_model(learn: Learn, model: Mapping[str, Any], but: Collection[str] = ()) -> None:
    """Learns the secrets in a resolved `model` and in the files of its secrets and configs, except those in `but`."""
    learn(await in_file_thread(_secrets_of, model, frozenset(but)))


async def learn_env_texts(learn: Learn, files: Iterable[Path]) -> None:
    """Learns what may be a secret in `files`, by a reading that needs no Compose."""
    learn(await in_file_thread(lambda: [secret for file in files for secret in secrets_in_env_file(text_of(file))]))


def _secrets_of(model: Mapping[str, Any], but: frozenset[str]) -> set[str]:
    found = set(secrets_in_model(model))
    for file in files_in_model(model, "secrets"):
        found.update(secrets_in_file(text_of(Path(file))))
    for file in files_in_model(model, "configs"):
        found.update(secrets_in_env(text_of(Path(file))))
    return found - but - _own_values(model)


def _own_values(model: Mapping[str, Any]) -> set[str]:
    labels = [each for service in parts_of(model, "services") for each in [service.get("labels")] if each]
    pairs = (pair for each in labels if isinstance(each, Mapping) for pair in each.items())
    return {str(value) for name, value in pairs if name.startswith(OWN_LABELS)}
