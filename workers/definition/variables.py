"""The variables in a release's Compose files: what the updater sets, and what nobody has set."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.stack import ALWAYS_SET, ReleaseValue
from app.domain.tags import TagRule
from workers.definition.services.retired import uses_of

SHORT_SHA_LENGTH = 12

IN_ENV_FILE = "a value in an env file"
OF_A_SHELL = frozenset({"HOME", "USER", "LOGNAME", "HOSTNAME", "UID", "GID", "LANG", "TMPDIR", "PATH", "SHELL"})
"""Variables that a person's `docker compose` has: what they mean in the worker is something else."""

_UNSET = re.compile(r'The "?(?P<name>\w+)"? variable is not set')
"""Compose's warning, since its first version: https://docs.docker.com/compose/how-tos/environment-variables/"""


def values_of(tag: str, sha: str, variables: Mapping[str, ReleaseValue], rule: TagRule) -> dict[str, str]:
    """The values of the stack file's `variables`, and of those that are always set, for the release `tag`."""
    values = {
        ReleaseValue.TAG: tag,
        ReleaseValue.VERSION: rule.version_in(tag),
        ReleaseValue.SHA: sha,
        ReleaseValue.SHORT_SHA: sha[:SHORT_SHA_LENGTH],
    }
    return {name: values[value] for name, value in {**variables, **ALWAYS_SET}.items()}


@dataclass(frozen=True)
class Unset:
    """A variable that is used without a default and that nothing sets, with the services that use it."""

    name: str
    services: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(self.services)})"

    @property
    def warning(self) -> str:
        """For people. A name that no Compose file has is a part of a value, which may be secret: it is not shown."""
        if self.services:
            return f"nothing sets {self}, so it is empty there. Set it, or list it in allow_unset in the stack file"
        return (
            "a value in an env file has a `$` before a name that nothing sets, so a part of the value is missing. Put "
            "the value in single quotes"
        )


def unset(warnings: Iterable[str], raw: Mapping[str, Any]) -> list[Unset]:
    """The unset variables that Compose warned of. `raw`: the model without values of variables, to find who uses them.

    Compose replaces each by an empty string, and goes on.
    """
    names = dict.fromkeys(found["name"] for warning in warnings for found in [_UNSET.search(warning)] if found)
    return [Unset(name, tuple(_users(name, raw))) for name in names]


def not_passed(model: Mapping[str, Any], moved: Collection[str]) -> list[Unset]:
    """The variables that `moved` services of the resolved `model` pass on (`environment: [TOKEN]`) and nothing sets.

    Compose does not warn of them: the container has none of that name.
    """
    users: dict[str, list[str]] = {}
    for service in moved:
        for name, value in (model["services"][service].get("environment") or {}).items():
            if value is None:
                users.setdefault(name, []).append(service)
    return [Unset(name, tuple(services)) for name, services in users.items()]


def without_unset(model: Mapping[str, Any], moved: Collection[str]) -> dict[str, Any]:
    """`model` without those variables: Compose would look for them again, in the worker's environment."""
    services = dict(model["services"])
    for name in moved:
        if environment := services[name].get("environment"):
            found = {key: value for key, value in environment.items() if value is not None}
            services[name] = {**services[name], "environment": found}
    return {**model, "services": services}


def other_warnings(warnings: Iterable[str]) -> list[str]:
    return [warning for warning in warnings if not _UNSET.search(warning)]


def _users(name: str, raw: Mapping[str, Any]) -> Iterable[str]:
    written = re.compile(rf"\$(?:{re.escape(name)}\b|\{{{re.escape(name)}\b)")
    for service, definition in (raw.get("services") or {}).items():
        parts = [(raw.get(part) or {}).get(key) for part, keys in uses_of(definition).items() for key in keys]
        if any(written.search(json.dumps(each)) for each in (definition, *parts)):
            yield service


def split(found: Iterable[Unset], moved: Collection[str], allowed: Collection[str]) -> tuple[list[Unset], list[Unset]]:
    """Those that a moved service uses, which refuse the release, and the others. `allowed` ones are in neither.

    A variable that no service uses is in the value of another one, in one of the operator's files: it may be a part of
    a password. One that a person's shell sets is none.
    """
    left = [_in_env_file(each) for each in found if each.name not in allowed]
    moved = {*moved, IN_ENV_FILE}
    return [u for u in left if set(u.services) & set(moved)], [u for u in left if not set(u.services) & set(moved)]


def _in_env_file(each: Unset) -> Unset:
    return Unset(each.name, (IN_ENV_FILE,)) if each.name in OF_A_SHELL and not each.services else each


def refusal(missing: Collection[Unset], directory: str, env_files: Collection[str]) -> str:
    """What is missing, and what to write."""
    names = [each.name for each in missing]
    files = " or ".join(env_files or [".env"])
    lines = ", ".join(f"{name}=…" for name in names)
    return (
        f"nothing sets {', '.join(map(str, missing))}. Traffic is unchanged. Add {lines} to {files} in {directory}. "
        "Or, if it may be empty, list it in allow_unset in the stack file"
    )
