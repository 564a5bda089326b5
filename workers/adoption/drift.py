"""Detects routes that differ from the journal, and restores them. `stack`: the stack as the live release has it."""

import contextlib
from collections.abc import Awaitable, Mapping, Sequence

from app.domain.errors import EngineFailed, RouteNotConfirmed
from app.domain.findings import Alarm
from app.domain.release_stack import as_of
from app.domain.routing.probe_request import direct_request
from app.domain.stack import Color, Follower, RoutedService, Singleton, Stack
from workers.adoption.adopt import find_all
from workers.adoption.reach import hosts_of
from workers.ports import Instance, Ports, Route
from workers.routing.asked import ask_routes, served_by_routes
from workers.routing.copies import find_hosts
from workers.routing.servers import Hosts

HOSTS_SECONDS = 2.0
"""How long the routes wait for the engine to name the live copies. After that, the names in the file are used."""

ANSWER_SECONDS = 10.0
"""How long one question to the engine may take. While the drift watch waits, no route is restored."""

UNHEALTHY = "unhealthy"
"""The engine's verdict after a copy's own check has failed several times in a row."""

REWRITTEN = (
    "The route file led to the right color, but differed from what this updater writes. The updater wrote it again; "
    "traffic did not move. This is normal after an update of the updater; otherwise find out what changed the file."
)


async def live_stack(stack: Stack, ports: Ports) -> Stack:
    """`stack` as the live release has it: the stack file may have grown, shrunk or been renamed in since.

    After a flip, that is the release of the running rollout. All of it if no release is known live, or if its
    definition is missing.
    """
    state, rollout = ports.journal.state, ports.journal.state.rollout
    if rollout and rollout.sha and rollout.past_flip and state.active_color is rollout.target:
        return await stack_of(stack, ports, rollout.sha, proven=False)
    return await stack_of(stack, ports, state.current.sha) if state.current else stack


async def stack_of(stack: Stack, ports: Ports, sha: str, *, proven: bool = True) -> Stack:
    """`stack` as the kept release `sha` has it; all of it if its definition is missing. `proven`: as for `roles_of`."""
    return as_of(stack, await ports.engine.roles_of(sha, proven=proven))


async def strays(stack: Stack, ports: Ports) -> list[str]:
    """The files that stop Traefik from following the route file: see `Route.strays`."""
    return await ports.route.strays(lambda: _reached(stack, ports), stack=stack)


async def _reached(stack: Stack, ports: Ports) -> Hosts:
    """How routers reach the stack's containers; empty if the engine does not say in time."""
    with contextlib.suppress(EngineFailed, TimeoutError):
        async with ports.clock.limit(HOSTS_SECONDS):
            return hosts_of(stack, await find_all(stack, ports))
    return {}


async def routes_match(stack: Stack, ports: Ports) -> bool:
    """Whether the route file leads to the live color, and no other file takes its requests.

    A release that has no routed service of the stack file keeps its routes as they are.
    """
    if not stack.routed:
        return True
    state, route = ports.journal.state, ports.route
    stands = state.active_color is None or await route.stands(state.active_color, state.route_id, stack=stack)
    return stands and not await strays(stack, ports)


async def moved(stack: Stack, ports: Ports) -> bool:
    """Whether another program moved clients to the other color and the live color is unhealthy.

    Only meaningful unless `routes_match`. The cause is an earlier updater, or a person, that rolled a release out by
    other means. Restoring the routes would then take clients away from what serves them. A live color that only ends
    and starts again looks the same for a moment; then the route file and the answers still name the live release.
    Changes nothing. Raises EngineFailed, and RouteNotConfirmed if the route file cannot be read, so that it is unclear.
    """
    color = ports.journal.state.active_color
    if color is None:
        return False
    for service in stack.routed:
        served = await served_by_routes(stack, ports.probe, service)
        if (
            served
            and not await _healthy(stack, ports, service, color)
            and await _healthy(stack, ports, service, color.other)
        ):
            return not await _leads_here(stack, ports, color)
    return False


async def _leads_here(stack: Stack, ports: Ports, color: Color) -> bool:
    """Whether the route file leads to `color`, and Traefik follows it. Raises RouteNotConfirmed."""
    if await ports.route.active() is not color:
        return False
    answers = [answer.rollout for _, answer in await ask_routes(stack, ports.probe)]
    return all(rollout is not None and rollout == ports.journal.state.route_id for rollout in answers)


async def restore(stack: Stack, ports: Ports) -> list[Alarm]:
    """Restores the routes to the live color, with a rollout id that can be confirmed. Returns what was wrong.

    Files that take their requests are set aside last: without the routes, such a file may be all that serves.
    Raises RouteNotConfirmed.
    """
    state, route, alarms = ports.journal.state, ports.route, []
    color = state.active_color
    stands = color is None or await route.stands(color, state.route_id, stack=stack)
    led = await _led(route, color, state.route_id)
    if color is not None and (not stands or state.route_id is None):
        route_id = state.route_id or (state.current.rollout_id if state.current else "restored")
        await route.flip(color, route_id, await _hosts(stack, ports, color), stack=stack)
        await ports.journal.update(lambda s: s.routed_to(color, route_id))
    if not stands:
        text = f"The route file was changed or removed. It leads to {color} again. Find out what changed it."
        alarms.append(Alarm("route_changed", REWRITTEN if led else text))
    for name in await strays(stack, ports):
        await route.set_aside(name)
        alarms.append(shadowed(name, "It was moved to .updater-staging beside the watched directory."))
    return alarms


async def _led(route: Route, color: Color | None, route_id: str | None) -> bool:
    """Whether the route file, as it was found, leads to the live color with the rollout's id."""
    try:
        return await route.active() is color and await route.rollout() == route_id
    except RouteNotConfirmed:  # it cannot be read, and is replaced
        return False


async def follow(stack: Stack, ports: Ports, found: Mapping[str, Sequence[Instance]]) -> list[Alarm]:
    """Leads the routes to those live copies that serve, by their present names. `found`: instances by Compose service.

    A copy that does not run, is in no network, or that the engine calls unhealthy, leaves the route while another one
    serves, and comes back when it is healthy. A container that something else creates again may get another name. The
    rollout id in the answers stays, also one that the journal does not have because Traefik never confirmed it.
    Returns what was wrong. Raises EngineFailed, RouteNotConfirmed.
    """
    color = ports.journal.state.active_color
    route_id = ports.journal.state.route_id or await ports.route.rollout()
    if color is None or route_id is None or await ports.route.active() is not color:
        return []
    known = await ports.route.copies(color)
    named = [(s, known[s.name], found.get(s.colors[color], ())) for s in stack.routed if known.get(s.name)]
    lost = {s.name: await _renamed(stack, ports, s, hosts, copies) for s, hosts, copies in named}
    present = {s.name: lost[s.name] or await _serving(stack, ports, s, hosts, copies) for s, hosts, copies in named}
    if all(set(hosts) == set(known[name]) for name, hosts in present.items()):
        return []
    await ports.route.flip(color, route_id, {**known, **present}, stack=stack)
    names = ", ".join(name for hosts in lost.values() for name in hosts)
    text = (
        f"Clients could not reach {names}: the route file named other containers. It now names these. Find out what "
        "recreated them."
    )
    return [Alarm("route_changed", text)] if names else []


async def _renamed(
    stack: Stack, ports: Ports, service: RoutedService, known: Sequence[str], copies: Sequence[Instance]
) -> tuple[str, ...]:
    """The hosts of the healthy copies, if the route names none of them and clients do not reach them; else empty."""
    running = [i for i in copies if i.running]
    if not running or any(_names(known, i) for i in running) or not all(i.host for i in running):
        return ()
    if await served_by_routes(stack, ports.probe, service):
        return ()
    return tuple(sorted([str(i.host) for i in running if await _answers(stack, ports, service, i)]))


async def _serving(
    stack: Stack, ports: Ports, service: RoutedService, known: Sequence[str], copies: Sequence[Instance]
) -> tuple[str, ...]:
    """The hosts of `known` that lead to a copy which serves, and those of further copies that are healthy now.

    `known` if none serves. A copy by hand of something else than the live release gets no traffic.
    """
    live = ports.journal.state.current
    well = [i for i in copies if may_serve(i)]
    kept = [host for host in known if any(_names([host], i) for i in well)]
    if not kept:
        return tuple(known)
    new = [i for i in well if i.host and not _names(known, i) and live is not None and i.rollout == live.rollout_id]
    return tuple(sorted([*kept, *[str(i.host) for i in new if await _answers(stack, ports, service, i)]]))


def may_serve(copy: Instance) -> bool:
    """Whether nothing that the engine says of the copy keeps it from serving."""
    return copy.running and copy.health != UNHEALTHY and not copy.cut_off


def _names(hosts: Sequence[str], instance: Instance) -> bool:
    """Whether one of `hosts` leads to the instance."""
    return not {instance.host, *instance.names}.isdisjoint(hosts)


def shadowed(name: str, done: str) -> Alarm:
    return Alarm("route_shadowed", f"{name} conflicts with the route file. {done}")


async def _hosts(stack: Stack, ports: Ports, color: Color) -> dict[str, tuple[str, ...]] | None:
    """The hosts of what runs; None if the engine does not say in time."""
    with contextlib.suppress(EngineFailed, TimeoutError):
        async with ports.clock.limit(HOSTS_SECONDS):
            return await find_hosts(stack, ports.engine, color) or None
    return None


async def find(ports: Ports, service: str) -> list[Instance]:
    """The instances of the Compose service. Raises EngineFailed, at the latest after ANSWER_SECONDS."""
    return await _answered(ports, ports.engine.find(service), service)


async def find_all_of(ports: Ports, uncolored: Singleton | Follower) -> list[Instance]:
    """Its instances, also those of earlier releases that have it under another Compose service. Raises EngineFailed."""
    found = await find(ports, uncolored.service)
    others = await _answered(ports, ports.engine.named(uncolored.name), uncolored.name)
    return list({each.id: each for each in (*found, *others)}.values())


async def _answered(ports: Ports, asked: Awaitable[list[Instance]], service: str) -> list[Instance]:
    try:
        async with ports.clock.limit(ANSWER_SECONDS):
            return await asked
    except TimeoutError as late:
        raise EngineFailed(f"no answer within {ANSWER_SECONDS:.0f} s", service=service) from late


async def _healthy(stack: Stack, ports: Ports, service: RoutedService, color: Color) -> bool:
    """Whether a running copy answers its health path at its own address."""
    running = [i for i in await find(ports, service.colors[color]) if i.running]
    return any([await _answers(stack, ports, service, i) for i in running])


async def _answers(stack: Stack, ports: Ports, service: RoutedService, instance: Instance) -> bool:
    return (await ports.probe.ask(direct_request(stack.traefik, service, str(instance.address)))).ok
