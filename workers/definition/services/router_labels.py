"""The Traefik labels of a service that colors are made from: the stack file's routes replace its routers. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from app.domain.stack import RoutedService

_ROUTE = re.compile(r"traefik\.http\.(?:routers|services)\..*", re.I)
_STREAM = re.compile(r"traefik\.(?:tcp|udp)\.routers\..*", re.I)
_MIDDLEWARES = re.compile(r"traefik\.http\.routers\.[^.]+\.middlewares", re.I)
"""https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/"""

_DEFINITION = re.compile(r"traefik\.http\.middlewares\.(?P<name>[^.]+)\.", re.I)
OF_LABELS = "@docker"
"""The end of the names of what Traefik reads from containers' labels."""


def is_route(label: str) -> bool:
    """Whether the label makes a router or a service of Traefik: with it, both colors would get requests at any time."""
    return _ROUTE.fullmatch(label) is not None


def problems_of(service: Mapping[str, Any], routed: RoutedService) -> Iterator[str]:
    """What the routes of `routed` do not do, and the labels of `service` do: clients would get less, or more."""
    labels: Mapping[str, Any] = service.get("labels") or {}
    if str(labels.get("traefik.enable", "")).lower() == "false":
        return
    if streams := [label for label in labels if _STREAM.fullmatch(label)]:
        yield f"its label {streams[0]} makes a TCP or UDP route, but the updater moves only HTTP routes. Remove it"
    own = {match["name"] for label in labels if (match := _DEFINITION.match(label))}
    known = {name: None for route in routed.routes for name in route.middlewares}
    if unsteady := [name for name in known if name.endswith(OF_LABELS) and name.removesuffix(OF_LABELS) in own]:
        names = ", ".join(name.removesuffix(OF_LABELS) for name in unsteady)
        yield (
            f"its labels define the middleware {names}, which routed/{routed.name} in the stack file uses. Traefik "
            "drops it while Docker does not report a color as healthy, or if the colors of two releases define it in "
            f"different ways, and then the route answers 404. {_elsewhere(names)}"
        )
    wanted = [name for label, value in labels.items() if _MIDDLEWARES.fullmatch(label) for name in _listed(value)]
    if lost := [name for name in dict.fromkeys(wanted) if not _is_one_of(name, known)]:
        moved = ", ".join(name for name in lost if name in own)
        whole = [*known, *(name if "@" in name else f"{name}@{'file' if name in own else 'docker'}" for name in lost)]
        yield (
            f"its labels have a router with the middlewares {', '.join(lost)}, and routed/{routed.name} in the stack "
            f"file, which replaces that router, does not have them. Write middlewares: [{', '.join(whole)}] there"
            f"{f'. {_elsewhere(moved)}' if moved else ''}"
        )


def _elsewhere(names: str) -> str:
    return (
        f"Define {names} in a file of Traefik's watched directory, or in the labels of a service that no rollout moves"
    )


def _listed(value: object) -> list[str]:
    return [name.strip() for name in str(value).split(",") if name.strip()]


def _is_one_of(name: str, known: Collection[str]) -> bool:
    """Whether one of `known` is the middleware `name`; without a provider, one of that name of any provider."""
    return name in known or ("@" not in name and any(each.partition("@")[0] == name for each in known))
