"""The Traefik labels of a service that colors are made from: the stack file's routes replace its routers. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.domain.stack import RoutedService

_ROUTE = re.compile(r"traefik\.http\.(?:routers|services)\..*", re.I)
_STREAM = re.compile(r"traefik\.(?:tcp|udp)\.routers\..*", re.I)
_MIDDLEWARES = re.compile(r"traefik\.http\.routers\.[^.]+\.middlewares", re.I)
"""https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/"""


def is_route(label: str) -> bool:
    """Whether the label makes a router or a service of Traefik: with it, both colors would get requests at any time."""
    return _ROUTE.fullmatch(label) is not None


def problems_of(service: Mapping[str, Any], routed: RoutedService) -> Iterator[str]:
    """What the routes of `routed` do not do, and the labels of `service` do: clients would get less, or more."""
    labels: Mapping[str, Any] = service.get("labels") or {}
    if str(labels.get("traefik.enable", "")).lower() == "false":
        return
    if streams := [label for label in labels if _STREAM.fullmatch(label)]:
        yield f"the updater moves only HTTP routes, and its label {streams[0]} makes another one. Remove the label"
    known = {name for route in routed.routes for name in route.middlewares}
    wanted = [name for label, value in labels.items() if _MIDDLEWARES.fullmatch(label) for name in _listed(value)]
    if lost := [name for name in dict.fromkeys(wanted) if not _is_one_of(name, known)]:
        whole = [*sorted(known), *(name if "@" in name else f"{name}@docker" for name in lost)]
        yield (
            f"its labels have a router with the middlewares {', '.join(lost)}, and routed/{routed.name} in the stack "
            f"file, which replaces that router, is without. Write middlewares: [{', '.join(whole)}] there"
        )


def _listed(value: object) -> list[str]:
    return [name.strip() for name in str(value).split(",") if name.strip()]


def _is_one_of(name: str, known: set[str]) -> bool:
    """Whether one of `known` is the middleware `name`. A name without a provider is one of the labels' own provider."""
    return name in known or ("@" not in name and any(each.partition("@")[0] == name for each in known))
