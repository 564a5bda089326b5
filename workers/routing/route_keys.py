"""A dynamic configuration of Traefik as keys of a key-value store: pure functions.

https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/kv/
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.domain.stack import Stack
from workers.routing.route_file import RouteState, configuration

Keys = Mapping[str, str]

ROUTERS, SERVICES = "routers", "services"


def route_keys(stack: Stack, routed: RouteState, root: str) -> dict[str, str]:
    """The keys of the routes that `routed` describes, with the services of both colors.

    So a flip to known copies changes values and adds no key: what reads the store may miss a key that was just added.
    """
    live, idle = (configuration(stack, replace(routed, color=color)) for color in (routed.color, routed.color.other))
    return keys_of({**live, SERVICES: {**idle[SERVICES], **live[SERVICES]}}, f"{root}/http")


def patterns(stack: Stack, root: str) -> list[str]:
    """Redis patterns of all keys that the stack's routes may have."""
    return [f"{root}/http/*/updater.{stack.project}{end}*" for end in ("/", ".")]


def unreferenced(keys: Keys, root: str) -> dict[str, str]:
    """Those of `keys` that change nothing for clients as long as no router refers to them: all but those of routers."""
    return {key: value for key, value in keys.items() if not key.startswith(f"{root}/http/{ROUTERS}/")}


def keys_of(content: Any, root: str) -> dict[str, str]:
    """The keys below `root` that say what `content`, as in a dynamic file, says. An empty mapping is `true`."""
    return dict(_keys(content, root))


def _keys(content: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(content, Mapping):
        if not content:
            yield path, "true"
        for name, value in content.items():
            yield from _keys(value, f"{path}/{name}")
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content):
            yield from _keys(value, f"{path}/{number}")
    elif isinstance(content, bool):
        yield path, str(content).lower()
    elif content is not None:
        yield path, str(content)


def added(before: Keys, after: Keys) -> dict[str, str]:
    """The keys that only `after` has."""
    return {key: value for key, value in after.items() if key not in before}


def changed(before: Keys, after: Keys) -> dict[str, str]:
    """The keys of both whose values differ, with those of `after`."""
    return {key: value for key, value in after.items() if key in before and before[key] != value}


def removed(before: Keys, after: Keys) -> list[str]:
    """The keys that only `before` has."""
    return sorted(set(before) - set(after))
