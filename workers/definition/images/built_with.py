"""The services whose images a build needs. https://docs.docker.com/reference/compose-file/build/#additional_contexts"""

from collections.abc import Collection, Mapping
from typing import Any

CONTEXTS, SERVICE = "additional_contexts", "service:"


def built_with(services: Mapping[str, Mapping[str, Any]], names: Collection[str]) -> list[str]:
    """`names`, and the services whose images are built with theirs: `additional_contexts: {base: service:x}`."""
    built: dict[str, None] = {}
    left = list(names)
    while left:
        name = left.pop(0)
        if name not in built and name in services:
            built[name] = None
            contexts = (services[name].get("build") or {}).get(CONTEXTS) or {}
            left += [str(each).removeprefix(SERVICE) for each in contexts.values() if str(each).startswith(SERVICE)]
    return list(built)
