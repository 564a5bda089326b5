"""The values that Compose reads from the operator's files: of secrets and configs, and all that must be hidden."""

import contextlib
import json
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.domain.errors import ComposeInvalid, EngineFailed
from app.domain.stack import Stack
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.model_secrets import learn_model
from workers.adapters.docker_host.stored.definitions import ReleaseFiles
from workers.adapters.redaction import text_of
from workers.adapters.threads import in_file_thread
from workers.definition.environment import environment_names
from workers.definition.variables import Unset
from workers.redaction.env_text import is_plain
from workers.redaction.found import secrets_in_env, secrets_in_file


@dataclass(frozen=True)
class SecretValues:
    """Today's `values` by variable, and those that are not set and that the stack file does not allow to be."""

    values: dict[str, str]
    unset: list[Unset]


async def secret_values(
    compose: Compose, stack: Stack, given: ComposeFiles, model: Mapping[str, Any], services: Collection[str]
) -> SecretValues:
    """Compose reports an unset one only when it starts the service. Raises ComposeInvalid.

    The values, which are in no model, are hidden from now on.
    """
    names = environment_names(model, services)
    said = await compose.values([text for name in names for text in (f"${{{name}+set}}", f"${{{name}}}")], given)
    found = dict(zip(names, zip(said[::2], said[1::2], strict=True), strict=True))
    compose.learn([secret for _, value in found.values() for secret in secrets_in_file(value)])
    lacking = [name for name, (is_set, _) in found.items() if not is_set and name not in stack.allow_unset]
    unset = [Unset(name, ("a secret or config",)) for name in lacking]
    return SecretValues({name: value for name, (_, value) in found.items()}, unset)


async def learn_env_files(compose: Compose, given: ComposeFiles) -> None:
    """Makes the redactor hide the values of the operator's env files as Compose reads them.

    Comments, escapes, lines and references to other variables are Compose's matter: it resolves a model in which each
    file is the `env_file` of a service. Where it cannot, the redactor's own reading has to do. That reading is also
    enough for files that have none of these, and costs no process.
    """
    files = [file for file in given.env_files if file.is_file()]
    texts = await in_file_thread(lambda: [text_of(file) for file in files])
    if all(map(is_plain, texts)):
        compose.learn({secret for text in texts for secret in secrets_in_env(text)} - {*given.variables.values()})
        return
    services = {f"file-{n}": {"image": "none", "env_file": [str(file)]} for n, file in enumerate(files)}
    with (
        contextlib.suppress(ComposeInvalid, EngineFailed),
        tempfile.TemporaryDirectory(prefix="zu-known-") as directory,
    ):
        model = Path(directory) / "compose.json"
        model.write_text(json.dumps({"services": services}).replace("$", "$$"))
        await compose.resolve(replace(given, files=(model,)))


async def learn_what_is_known(compose: Compose, stack: Stack, kept: ReleaseFiles) -> None:
    """Makes the redactor hide the values of the operator's env files and those in the definitions that are kept."""
    for model in await in_file_thread(kept.models):
        await learn_model(compose.learn, model)
    with contextlib.suppress(ComposeInvalid):
        await learn_env_files(compose, ComposeFiles.below(Path(stack.directory), stack))
