"""Brings a follower to the live release where no rollout does it: its copies run, and none of another release."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from app.domain.errors import EngineFailed, ReleaseNotKept, StartFailed
from app.domain.release import LiveRelease
from app.domain.stack import Follower, Stack
from app.domain.tags import UNKNOWN_TAG
from workers.adoption import drift
from workers.ports import Definition, Instance, Ports
from workers.rollout.stopping import stop_all

log = structlog.get_logger()


@dataclass(frozen=True)
class Copies:
    """The running copies of a follower: those of the live release, which wants `wanted` of them, and the others."""

    live: tuple[Instance, ...]
    others: tuple[Instance, ...]
    wanted: int


async def running(ports: Ports, follower: Follower, live: LiveRelease) -> Copies:
    """Raises EngineFailed; ReleaseNotKept if the live release does not have the follower."""
    definition = ports.engine.defined(live.sha)
    wanted = await ports.engine.copies(definition, follower.service)
    found = [instance for instance in await drift.find(ports, follower.service) if not instance.gone]
    own = {i.id for i in found if i.rollout == live.rollout_id or await ports.engine.unchanged(i, definition)}
    return Copies(tuple(i for i in found if i.id in own), tuple(i for i in found if i.id not in own), wanted)


async def restore(stack: Stack, ports: Ports, follower: Follower, live: LiveRelease) -> None:
    """Starts the copies that are missing, then stops the others. Raises EngineFailed, ReleaseNotKept, StartFailed."""
    engine, seen = ports.engine, await running(ports, follower, live)
    stay = [instance.id for instance in seen.live]
    if len(stay) < seen.wanted:
        stay = await _start_all(ports, follower, engine.defined(live.sha))
    await stop_all(stack, ports, [each for each in (*seen.live, *seen.others) if each.id not in stay])


async def _start_all(ports: Ports, follower: Follower, definition: Definition) -> list[str]:
    made = await ports.engine.create_copies(definition, follower.service)
    for instance in made:
        await ports.engine.resume(instance.id)
    return [instance.id for instance in made]


async def settle(stack: Stack, ports: Ports, follower: Follower, aside: Sequence[Instance]) -> None:
    """Restores the follower after the record of a rollout was lost. `aside`: what runs of it under other services.

    Of a proven release none is started unless others run: an operator may have stopped it.
    """
    state = ports.journal.state
    if (live := state.current) is None:
        return
    proven = live.tag in {state.last_good_tag, UNKNOWN_TAG}
    try:
        seen = await running(ports, follower, live)
        if aside or seen.others or (not proven and len(seen.live) < seen.wanted):
            await restore(stack, ports, follower, live)
        await stop_all(stack, ports, aside)
    except (EngineFailed, ReleaseNotKept, StartFailed) as error:
        log.error("the copies of a follower may be of several releases", service=follower.service, reason=str(error))
