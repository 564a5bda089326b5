"""The one container of a service from which the updater makes both colors: it serves until the first flip.

It counts as the blue color. Traefik may reach it by routers in the container's own labels. These stay until the
container stops, so the updater's routers have to come before them. All functions are pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.domain.routing.routes import ClientRoute, precedence
from app.domain.stack import RoutedService, Stack
from workers.adoption.reach import Found
from workers.ports import Instance
from workers.routing.dynamic_file import Tree
from workers.routing.routers import Router, router_of
from workers.routing.servers import Hosts

DOCKER = "docker"
"""Traefik's provider of containers' labels."""

_PREFIX = "traefik.http."
_INDEXED = re.compile(r"(?P<key>\w+)\[(?P<index>\d)\]")


def written_name(stack: Stack, service: str) -> str:
    """The service as the Compose files name it."""
    return next((name for name, color in stack.singles().items() if color == service), service)


def label_routers(stack: Stack, found: Found, hosts: Hosts) -> list[Router]:
    """The routers in the labels of single containers that run.

    https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
    """
    routed = {s.colors[color]: s for s in stack.routed for color in s.colors}
    singles = [i for instances in found.values() for i in instances if i.single and i.running]
    return [router for i in singles for router in _routers(i, routed[i.service], hosts)]


def _routers(single: Instance, routed: RoutedService, hosts: Hosts) -> Iterator[Router]:
    labels = {key.lower(): value for key, value in single.labels.items()}
    if str(labels.get("traefik.enable", "")).lower() == "false":
        return
    tree = _tree(single.labels)
    services = {name: _served(options, single, routed) for name, options in tree.get("services", {}).items()}
    services = services or {routed.name: _served({}, single, routed)}
    for name, options in tree.get("routers", {}).items():
        service = str(options.get("service") or next(iter(services))).removesuffix(f"@{DOCKER}")
        listed = [each.strip() for each in str(options.get("middlewares") or "").split(",") if each.strip()]
        whole = [each if "@" in each else f"{each}@{DOCKER}" for each in listed]
        given = {**options, "service": service, **({"middlewares": whole} if whole else {})}
        router = router_of(f"the labels of {single.host}", f"{name}@{DOCKER}", given, services, hosts)
        yield replace(router, stays=True)


def _served(options: Tree, single: Instance, routed: RoutedService) -> Tree:
    """The service as a dynamic file has it. Without a port in the labels, it is taken to be the stack file's."""
    balancer = _options(options.get("loadbalancer"))
    server = _options(balancer.pop("server", None))
    scheme, port = server.get("scheme", "http"), server.get("port", routed.port)
    url = server.get("url") or f"{scheme}://{single.host or routed.name}:{port}"
    return {**options, "loadbalancer": {**balancer, "servers": [{"url": str(url)}]}}


def _options(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _tree(labels: Mapping[str, str]) -> dict[str, dict[str, dict[str, Any]]]:
    """The labels as the nested options that they stand for, with keys in lower case but for names."""
    tree: dict[str, Any] = {}
    for label, value in labels.items():
        part, _, rest = label[len(_PREFIX) :].partition(".")
        name, _, path = rest.partition(".")
        if label.lower().startswith(_PREFIX) and part.lower() in {"routers", "services"} and path:
            _put(tree.setdefault(part.lower(), {}).setdefault(name, {}), path.lower().split("."), _value(value))
    return tree


def _put(options: dict[str, Any], path: Sequence[str], value: object) -> None:
    first, *rest = path
    if indexed := _INDEXED.fullmatch(first):
        first, rest = indexed["key"], [indexed["index"], *rest]
    if not rest:
        options.setdefault(first, value)
        return
    if not isinstance(options.get(first), dict):  # `tls=true` beside `tls.certresolver=le`
        options[first] = {}
    _put(options[first], rest, value)


def _value(text: str) -> object:
    return {"true": True, "false": False}.get(text.lower(), text)


def staying_problems(router: Router, services: Sequence[RoutedService]) -> Iterator[str]:
    """Why a router of labels, which leads to `services`, would keep clients that the updater's should get."""
    for service in services:
        for route in (r for r in service.routes if router.takes(r)):
            before = precedence(router.rule, router.priority)
            if precedence(route.rule, route.priority) <= before:
                yield (
                    f"{router.where} stays until that container stops, and Traefik asks it first or at random. Write "
                    f"priority: {before + 1} {_at(service, route)}, so that the updater's router comes before it"
                )


def not_compared(router: Router, service: RoutedService) -> set[str]:
    """The options in which a router of labels may differ from the stack file's.

    A middleware of the container's own labels has to be defined elsewhere, under the same name: the colors cannot.
    """
    if not router.stays:
        return set()
    taken = [route for route in service.routes if router.takes(route)]
    same = all(_plain(route.middlewares) == _plain(router.middlewares) for route in taken)
    return {"priority", *({"middlewares"} if same else ())}


def _plain(names: Sequence[str]) -> list[str]:
    return [name.partition("@")[0] for name in names]


def _at(service: RoutedService, route: ClientRoute) -> str:
    return f"into the route `{route.rule}` of routed/{service.name} in the stack file"


def warnings_of(stack: Stack, serving: Sequence[Instance]) -> Iterator[str]:
    """What an operator should know of the single containers that serve."""
    for single in (i for i in serving if i.single):
        routed = next(s for s in stack.routed if single.service in s.colors.values())
        other = next(name for name in routed.colors.values() if name != single.service)
        text = (
            f"{single.host or single.id} is the one container of {routed.made_from}, and counts as {single.service}. "
            f"The first release moves its clients to {other}, stops it after the bake, and keeps it for a rollback"
        )
        ports = (
            f". It publishes {', '.join(single.ports)}: clients that use that, and not Traefik, get no answer once it "
            "is stopped. Let them use Traefik before"
        )
        yield f"{text}{ports if single.ports else ''}"
