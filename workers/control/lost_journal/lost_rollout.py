"""After the record of a rollout was lost: its color ends, and of each singleton and follower one release's copies stay.

A rollout may have begun to replace a copy under another Compose service, or to start what the live release lacks.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import structlog

from app.domain.errors import EngineFailed, RouteNotConfirmed, StaleWorker, UpdaterError
from app.domain.history import proven_rollouts
from app.domain.release_stack import lacking, names_of
from app.domain.stack import Color, Singleton, Stack
from app.domain.state import State
from app.domain.tags import UNKNOWN_TAG
from workers.adoption import drift
from workers.adoption.adopt import find_all
from workers.adoption.reach import hosts_of
from workers.control import live_followers
from workers.control.lost_journal.found import started_by_rollouts
from workers.ports import Instance, Ports
from workers.rollout.stopping import still_there, stop_all, why_there
from workers.routing.asked import ask_routes
from workers.routing.routers import read_routing

log = structlog.get_logger()


async def end_lost_rollout(stack: Stack, ports: Ports) -> None:
    """Ends what a rollout left that was lost with the journal: its one-off command and its color.

    A worker that is killed meanwhile, or whose engine fails, leaves it to the next one. If the journal has a rollout,
    the recovery ends that one.
    """
    if not ports.journal.state.lost_rollout:
        return
    await ports.engine.sweep()
    if ports.journal.state.rollout is None:
        await _stop_orphans(stack, ports)
        await _settle_copies(stack, ports)
    await ports.journal.update(lambda s: replace(s, lost_rollout=False))


async def _stop_orphans(stack: Stack, ports: Ports) -> None:
    """Stops the color of a lost rollout when it has drained: the route may have led to it until a moment ago."""
    proven = proven_rollouts(await ports.publisher.history())
    if await _orphans(stack, ports, proven):
        await ports.clock.sleep(stack.times.drain)
    await stop_all(stack, ports, await _orphans(stack, ports, proven))  # again: the route may lead elsewhere by now


async def _orphans(stack: Stack, ports: Ports, proven: Collection[str]) -> list[Instance]:
    """The running containers that nothing leads to, neither the journal nor a router nor Traefik, except proven ones.

    A color whose release is proven is the way back. Traefik may not follow its files, so its answers count too. If they
    name no container's rollout, as after an undo, it is unclear what it serves: then there are none.
    """
    try:
        serving, named = {ports.journal.state.active_color, *await _led_to(stack, ports)}, await ports.route.rollout()
    except RouteNotConfirmed as unreadable:
        log.warning("it is unclear which color serves; no container was stopped", reason=str(unreadable))
        return []
    running = {color: await started_by_rollouts(stack, ports, color) for color in Color}
    answered = {answer.rollout for _, answer in await ask_routes(stack, ports.probe)}
    unknown = answered - {None, named, *[i.rollout for found in running.values() for i in found]}
    if unknown:
        log.warning(
            "Traefik does not follow the route file; no container was stopped", answered=sorted(map(str, unknown))
        )
        return []
    idle = [color for color in Color if color not in serving]
    return [i for color in idle for i in running[color] if i.rollout not in {*proven, *answered}]


async def _led_to(stack: Stack, ports: Ports) -> set[Color]:
    """The colors that a router in Traefik's watched directory leads to. Raises RouteNotConfirmed."""
    routing = read_routing(await ports.route.files(), hosts_of(stack, await find_all(stack, ports)))
    return {color for router in routing.routers for color in router.colors}


async def _settle_copies(stack: Stack, ports: Ports) -> None:
    """Starts what the lost rollout may have stopped, and stops what it may have started.

    Of a proven release nothing is started unless others run: an operator may have stopped it.
    """
    state = ports.journal.state
    live, proven = state.current, _is_proven(state)  # what is not proven runs as its last attempt defined it
    part = await drift.stack_of(stack, ports, live.sha, proven=proven) if live else stack
    releases = {release.sha for release in state.kept} | await _made_from(ports, stack, part)
    known = (stack, part, *[await drift.stack_of(stack, ports, sha) for sha in sorted(releases)])
    for singleton in part.singletons:
        await _settle(part, ports, singleton, await _others(ports, singleton.name, part, known))
    for follower in part.followers:
        await live_followers.settle(part, ports, follower, await _others(ports, follower.name, part, known))
    new = [i for name in lacking(stack, part) for i in await _others(ports, name, part, (stack,))]
    try:
        await _stop(part, ports, new)
    except EngineFailed as error:
        log.error("what the live release does not have may still run", service=error.service, reason=str(error))


def _is_proven(state: State) -> bool:
    """Whether a rollout of the live release has succeeded. One without a name was found as it ran."""
    return state.current is not None and state.current.tag in {state.last_good_tag, UNKNOWN_TAG}


async def _made_from(ports: Ports, *stacks: Stack) -> set[str]:
    """The commits of the updater's containers of both colors: the lost rollout's release is among them."""
    services = dict.fromkeys(service for stack in stacks for s in stack.routed for service in s.colors.values())
    found = [instance for service in services for instance in await ports.engine.find(service)]
    return {instance.sha for instance in found if instance.sha}


async def _others(ports: Ports, name: str, live: Stack, stacks: Iterable[Stack]) -> list[Instance]:
    """What runs of the singleton or follower `name` of `stacks` under Compose services that the live release lacks."""
    named = [s for stack in stacks for s in stack.uncolored if names_of(stack)[s] == name]
    services = dict.fromkeys(s for s in named if s not in live.moved_services())
    return [i for service in services for i in await _made(ports, service)]


async def _made(ports: Ports, service: str) -> list[Instance]:
    """The running containers of the service that are the updater's."""
    return [i for i in await ports.engine.find(service) if not i.gone and i.rollout is not None]


async def _settle(stack: Stack, ports: Ports, singleton: Singleton, others: Sequence[Instance]) -> None:
    live = ports.journal.state.current
    if live is None:
        return
    try:
        await _stop(stack, ports, others)
        runs = any(not instance.gone for instance in await ports.engine.find(singleton.service))
        if not runs and (others or not _is_proven(ports.journal.state)):
            await ports.engine.start(ports.engine.defined(live.sha), [singleton.service])
    except StaleWorker:
        raise
    except UpdaterError as error:
        log.error("no copy runs, and none could be started", service=singleton.service, reason=str(error))


async def _stop(stack: Stack, ports: Ports, instances: Sequence[Instance]) -> None:
    """Raises EngineFailed if one still runs."""
    if left := still_there(await stop_all(stack, ports, instances)):
        raise EngineFailed(why_there(left), service=left.service)
