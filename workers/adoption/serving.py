"""Decides which color of an unknown stack serves, or why that is unclear. Pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import AdoptionRefused
from app.domain.stack import Color, Stack
from workers.adoption.reach import Found, hosts_of, only_by_address
from workers.adoption.router_problems import router_problems, urls
from workers.adoption.singles import label_routers, written_name
from workers.adoption.singletons import doubled
from workers.ports import Instance
from workers.routing.copies import copy_hosts
from workers.routing.routers import Router, Routing

LABEL_PREFIX = "traefik.http.routers."


@dataclass(frozen=True)
class Serving:
    """The color that has the traffic. `instances` are its running copies and the running singletons.

    `files` are the dynamic files whose routers lead to the color. `hosts` are the names of its containers, by routed
    service. The next color may have any other name that the routers use, as its alias or `hostname`, and would get
    requests as soon as it starts. The adoption is undone if Traefik does not reach them.
    """

    color: Color
    instances: tuple[Instance, ...]
    files: tuple[str, ...]
    hosts: Mapping[str, tuple[str, ...]]


def serving_color(stack: Stack, routing: Routing, found: Found, outside: Sequence[str] = ()) -> Serving | None:
    """The color that serves; None if every colored service is stopped. Raises AdoptionRefused with all problems.

    `outside`: what of the stack runs outside its project.
    """
    if not up(stack, found):
        return None
    in_labels = label_routers(stack, found, hosts_of(stack, found))
    ours = [*(router for router in routing.routers if router.services), *in_labels]
    colors = {color for router in ours for color in router.colors}
    problems = [*router_problems(stack, routing, ours)]
    problems += _labels(found)
    if not ours and not problems:
        problems.append(_no_router(stack, found))
    if len(colors) > 1:
        problems.append(_two_colors(ours))
    for color in colors if len(colors) == 1 else ():
        problems += [*_not_running(stack, color, found), *only_by_address(stack, color, found, ours)]
    problems += [*doubled(stack, found), *outside]
    if problems:
        raise AdoptionRefused("; ".join(problems))
    (color,) = colors
    files = tuple(sorted({router.file for router in ours if not router.stays}))
    return Serving(color, tuple(_running(stack, color, found)), files, copy_hosts(stack, color, found))


def up(stack: Stack, found: Found) -> list[Instance]:
    """The colored instances that may serve, including paused and restarting ones: these may serve again at any time."""
    return [i for s in stack.routed for name in s.colors.values() for i in found.get(name, ()) if not i.gone]


def shadows(stack: Stack, routing: Routing, own_file: str) -> list[str]:
    """The files, other than `own_file`, with a router that takes requests of the updater's routes."""
    return sorted(
        {
            router.file
            for router in routing.routers
            if router.file != own_file and router.services and any(router.answers(s) for s in stack.routed)
        }
    )


def _labels(found: Found) -> Iterator[str]:
    for service, instances in found.items():
        written = [i for i in instances if i.running and not i.single]
        labels = {label for i in written for label in i.labels if label.startswith(LABEL_PREFIX)}
        routers = sorted({label.removeprefix(LABEL_PREFIX).partition(".")[0] for label in labels})
        if routers:
            yield (
                f"the container of {service} has Traefik labels for the router {', '.join(routers)}: write the router "
                "into a dynamic file, and remove the labels"
            )


def _no_router(stack: Stack, found: Found) -> str:
    running = up(stack, found)
    names = sorted({written_name(stack, i.service) if i.single else i.service for i in running})
    text = f"no router in the watched directory leads to the running {', '.join(names)}: add the routers"
    ports = [port for i in running if i.single for port in i.ports]
    if not ports:
        return text
    return (
        f"{text}, and let clients use Traefik. Those that use {', '.join(ports)} of the host reach the container "
        "itself, and no release could move them"
    )


def _two_colors(ours: Sequence[Router]) -> str:
    listed = "; ".join(f"{r.where} leads to {urls(r)}" for r in ours)
    text = f"two colors have traffic ({listed}): point every router at one color"
    found = {(s.url, s.backend[1]) for router in ours for s in router.servers if s.backend}
    if shared := sorted(url for url, color in found if color is Color.BLUE and (url, Color.GREEN) in found):
        text += f". {', '.join(shared)} is a name of both colors, by an alias or `hostname`: give each its own"
    return text


def _not_running(stack: Stack, color: Color, found: Found) -> Iterator[str]:
    for service in stack.routed:
        name = service.colors[color]
        instances = found.get(name, ())
        if not any(i.running for i in instances):
            state = f"its container is {instances[0].state}" if instances else "it has no container"
            yield (
                f"the routers lead to {color}, but {name} does not run ({state}): start it, or stop all of {color} if "
                "it should not serve"
            )


def left_stopped(stack: Stack, serving: Serving, found: Found) -> Iterator[str]:
    """A warning for each stopped container of the color that serves: its content is not known, so it stays stopped."""
    for name in (service.colors[serving.color] for service in stack.routed):
        for each in (i for i in found.get(name, ()) if i.gone):
            yield (
                f"{each.host or each.id[:12]} of {name} is {each.state}, and no part of the adopted release, because "
                "others of it run. If it should serve, start it before the adoption; else remove it"
            )


def _running(stack: Stack, color: Color, found: Found) -> Iterator[Instance]:
    for name in stack.services(color):
        yield from (i for i in found.get(name, ()) if i.running)
