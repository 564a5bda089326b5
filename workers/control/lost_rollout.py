"""After the record of a rollout was lost: of each singleton and follower, copies of one release stay.

A rollout may have begun to replace a copy under another Compose service, or to start what the live release lacks.
"""

from collections.abc import Iterable, Sequence

import structlog

from app.domain.errors import EngineFailed, StaleWorker, UpdaterError
from app.domain.release_stack import lacking, names_of
from app.domain.stack import Singleton, Stack
from app.domain.tags import UNKNOWN_TAG
from workers.adoption import drift
from workers.control import live_followers
from workers.ports import Instance, Ports
from workers.rollout.stopping import still_there, stop_all

log = structlog.get_logger()


async def settle(stack: Stack, ports: Ports) -> None:
    """Starts what the lost rollout may have stopped, and stops what it may have started.

    Of a proven release nothing is started unless others run: an operator may have stopped it.
    """
    state = ports.journal.state
    part = await drift.live_stack(stack, ports)
    releases = {live.sha for live in state.kept} | await _made_from(ports, stack, part)
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
    proven = live.tag in {ports.journal.state.last_good_tag, UNKNOWN_TAG}
    try:
        await _stop(stack, ports, others)
        runs = any(not instance.gone for instance in await ports.engine.find(singleton.service))
        if not runs and (others or not proven):
            await ports.engine.start(ports.engine.defined(live.sha), [singleton.service])
    except StaleWorker:
        raise
    except UpdaterError as error:
        log.error("no copy runs, and none could be started", service=singleton.service, reason=str(error))


async def _stop(stack: Stack, ports: Ports, instances: Sequence[Instance]) -> None:
    """Raises EngineFailed if one still runs."""
    if left := still_there(await stop_all(stack, ports, instances)):
        raise EngineFailed(f"it is still {left.state}", service=left.service)
