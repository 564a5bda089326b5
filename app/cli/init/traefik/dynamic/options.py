"""Reads the options of Traefik's dynamic configuration, in each form that Traefik accepts. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any


def part(content: object, key: str) -> Any:
    """The value of `key` in a mapping, ignoring case, as Traefik does."""
    if not isinstance(content, Mapping):
        return None
    return next((value for name, value in content.items() if str(name).lower() == key), None)


def named(content: Mapping[str, Any], *path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The definitions below a path such as `http/routers`, by name."""
    found: Any = content
    for key in path:
        found = part(found, key)
    if isinstance(found, Mapping):
        yield from ((str(name), value) for name, value in found.items() if isinstance(value, Mapping))


def listed(value: object) -> list[str]:
    """The items of a list, or of a text with commas."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [str(each).strip() for each in parts if str(each).strip()]


_TRUE = frozenset({"1", "t", "true"})


def is_on(value: object) -> bool:
    """Whether it is one of the texts that Traefik reads as true."""
    return str(value).lower() in _TRUE
