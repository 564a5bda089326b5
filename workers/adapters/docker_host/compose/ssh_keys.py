"""Refuses files in which `build/ssh` names a key: Compose 2.40 cannot print them as JSON.

Its own type for such a key breaks its output: https://github.com/compose-spec/compose-go/blob/main/types/ssh.go
"""

from collections.abc import Iterable
from typing import Any

import yaml

from workers.definition.refusals.unkept import INSTEAD_OF_SSH

_NO_JSON = "types.SSHKey"


def is_unprintable(lines: Iterable[str]) -> bool:
    """Whether Compose ended with this error, by its standard error."""
    return any(_NO_JSON in line for line in lines)


def refusal(text: str, files: str) -> str:
    """What to say of `files`. `text`: the YAML that Compose prints of them."""
    return (
        f"{', '.join(_services(text)) or files}: build/ssh names a key, and Docker Compose cannot print such a file as "
        f"JSON, which the updater needs. Traffic is unchanged. {INSTEAD_OF_SSH}"
    )


def _services(text: str) -> list[str]:
    try:
        model: Any = yaml.safe_load(text)
        return [name for name, service in model["services"].items() if (service.get("build") or {}).get("ssh")]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return []
