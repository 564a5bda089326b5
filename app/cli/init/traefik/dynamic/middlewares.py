"""Which middlewares a route uses, also through chains, and which of them go with the labels of the colors. Pure.

https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/chain/
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app.cli.init.project.service_facts import Service
from app.cli.init.traefik.dynamic.labels import chains, defined_middlewares
from app.cli.init.traefik.dynamic.options import listed, named, part

Chains = Mapping[str, tuple[str, ...]]
"""A middleware, with its provider → those that it consists of."""


def all_chains(documents: Mapping[str, Mapping[str, Any]], services: Iterable[Service]) -> Chains:
    """The chains of all files and labels."""
    found: dict[str, tuple[str, ...]] = {}
    for content in documents.values():
        for name, options in named(content, "http", "middlewares"):
            found.setdefault(f"{name}@file", _full(listed(part(part(options, "chain"), "middlewares")), "file"))
    for service in services:
        found |= {f"{name}@docker": _full(members, "docker") for name, members in chains(service).items()}
    return found


def used_middlewares(names: Iterable[str], of: Chains) -> set[str]:
    """`names` and everything in their chains."""
    used: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += of.get(name, ())
    return used


def defined_in_labels(services: Mapping[str, Service], colored: Collection[str]) -> dict[str, str]:
    """Middlewares that only labels of the colors define, with their provider → the first of these services."""
    stay = {each for name, service in services.items() if name not in colored for each in defined_middlewares(service)}
    found: dict[str, str] = {}
    for name in colored:
        for each in defined_middlewares(services[name]):
            found.setdefault(f"{each}@docker", name)
    return {name: service for name, service in found.items() if name.removesuffix("@docker") not in stay}


def _full(names: Iterable[str], provider: str) -> tuple[str, ...]:
    return tuple(name if "@" in name else f"{name}@{provider}" for name in names)
