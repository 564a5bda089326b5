"""The secrets and configs whose values a model takes from the environment: they are not in the model."""

from collections.abc import Collection, Mapping
from typing import Any

from workers.definition.files import MOUNTED_PARTS
from workers.definition.retired import uses_of


def environment_names(model: Mapping[str, Any], services: Collection[str]) -> list[str]:
    """The variables from which the secrets and configs of `services` take their values.

    https://docs.docker.com/reference/compose-file/secrets/
    """
    used = [uses_of(service) for name, service in (model.get("services") or {}).items() if name in services]
    names = (
        each["environment"]
        for part in MOUNTED_PARTS
        for key, each in (model.get(part) or {}).items()
        if (each or {}).get("environment") and any(key in parts[part] for parts in used)
    )
    return list(dict.fromkeys(names))
