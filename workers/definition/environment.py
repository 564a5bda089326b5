"""The secrets and configs whose values a model takes from the environment: they are not in the model."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

from workers.definition.files.origins import MOUNTED_PARTS
from workers.definition.services.retired import uses_of

MARK = "x-updater-mark"
"""The key of a mark in a secret or config: it differs if the value does."""


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


def unmarked(defined: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of a secret or config without its mark."""
    return {key: value for key, value in defined.items() if key != MARK}


def marks_in(model: Mapping[str, Any]) -> dict[str, str]:
    """The marks in `model`, by variable."""
    found = (each or {} for part in MOUNTED_PARTS for each in (model.get(part) or {}).values())
    return {each["environment"]: each[MARK] for each in found if MARK in each and each.get("environment")}


def marked(model: Mapping[str, Any], marks: Mapping[str, str]) -> dict[str, Any]:
    """`model` with a mark in each secret and config whose variable has one in `marks`: a changed value is a change."""
    result = copy.deepcopy(dict(model))
    for part in MOUNTED_PARTS:
        for each in (result.get(part) or {}).values():
            if each and each.get("environment") in marks:
                each[MARK] = marks[each["environment"]]
    return result
