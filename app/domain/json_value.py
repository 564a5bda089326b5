"""JSON values: dictionaries, lists, strings and the rest."""

from collections.abc import Callable, Mapping
from typing import Any


def with_strings(value: Any, changed: Callable[[str], str]) -> Any:
    """Returns the JSON value with `changed` applied to each of its strings. Field names stay."""
    if isinstance(value, str):
        return changed(value)
    if isinstance(value, Mapping):
        return {name: with_strings(part, changed) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [with_strings(part, changed) for part in value]
    return value
