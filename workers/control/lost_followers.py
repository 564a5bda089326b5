"""Brings the followers to the live release after the record of a rollout was lost: exactly its copies run."""

import asyncio

import structlog

from app.domain.errors import EngineFailed, ReleaseNotKept, StartFailed
from app.domain.release import UNKNOWN_TAG
from app.domain.stack import Follower, Stack
from workers.ports import Definition, Ports

log = structlog.get_logger()


async def settle(stack: Stack, ports: Ports) -> None:
    """Starts the live release's copies that are missing, and stops those of other releases.

    Of a proven release none is started unless others run: an operator may have stopped it.
    """
    state = ports.journal.state
    if state.current is None:
        return
    proven, definition = (
        state.current.tag in {state.last_good_tag, UNKNOWN_TAG},
        ports.engine.defined(state.current.sha),
    )
    for follower in stack.followers:
        try:
            await _settle(stack, ports, follower, definition, proven=proven)
        except (EngineFailed, ReleaseNotKept, StartFailed) as error:
            log.error(
                "the copies of a follower may be of several releases", service=follower.service, reason=str(error)
            )


async def _settle(stack: Stack, ports: Ports, follower: Follower, definition: Definition, *, proven: bool) -> None:
    engine, grace = ports.engine, stack.times.stop_grace
    wanted = await engine.copies(definition, follower.service)
    running = [instance for instance in await engine.find(follower.service) if not instance.gone]
    live = [instance for instance in running if await engine.unchanged(instance, definition)]
    if len(live) == len(running) and (proven or len(live) >= wanted):
        return
    if len(live) < wanted:
        live = await engine.create_copies(definition, follower.service)
        for instance in live:
            await engine.resume(instance.id)
    stay = {instance.id for instance in live}
    others = [instance for instance in running if instance.id not in stay]
    await asyncio.gather(*(engine.stop(each.id, each.grace(grace)) for each in others))
