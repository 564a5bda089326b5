"""Reads from Traefik's API which routers it has loaded, of every provider: pure functions.

https://doc.traefik.io/traefik/reference/install-configuration/api-dashboard/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from workers.routing.dynamic_file import Tree, lowered
from workers.routing.routers import Router, router_of
from workers.routing.servers import Hosts

WHERE = "Traefik"
"""The place that messages name; a router's own name says which provider it comes from."""
DISABLED = "disabled"
FILE = "@file"


def read_loaded(content: Mapping[str, Any], hosts: Hosts) -> list[Router]:
    """The routers that get requests, from the answer of `/api/rawdata`.

    Their names end with their provider. Their TLS and entrypoints include Traefik's defaults.
    """
    services = {name.removesuffix(FILE): lowered(body) for name, body in _named(content, "services")}
    return [
        router_of(WHERE, name, lowered({**options, "service": _full_name(options, name)}), services, hosts)
        for name, options in _named(content, "routers")
        if options.get("status") != DISABLED
    ]


def is_one_of(router: Router, names: set[str]) -> bool:
    """Whether it is one of `names`, which end with their provider.

    Traefik adds the entrypoint's name in front if it splits a router over several entrypoints.
    """
    name = router.name
    return not names.isdisjoint({name, *(name.removeprefix(f"{each}-") for each in router.entrypoints)})


def _named(content: Mapping[str, Any], part: str) -> Iterator[tuple[str, Tree]]:
    listed = content.get(part)
    yield from ((k, v) for k, v in listed.items() if isinstance(v, dict)) if isinstance(listed, dict) else ()


def _full_name(options: Tree, router: str) -> str:
    """A service without a provider is one of the router's own provider."""
    service = str(options.get("service", ""))
    return service if "@" in service else f"{service}@{router.rpartition('@')[2]}"
