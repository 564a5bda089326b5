"""Brings a follower to the live release where no rollout does it: its copies run, and none of another release."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from app.domain.errors import BuildFailed, StaleWorker, UpdaterError
from app.domain.release import LiveRelease
from app.domain.stack import Follower, Stack
from app.domain.tags import UNKNOWN_TAG
from workers.adoption import drift
from workers.ports import Definition, Instance, Ports
from workers.rollout.stopping import stop_all

log = structlog.get_logger()


@dataclass(frozen=True)
class Copies:
    """The running copies of a follower: those of the live release, which wants `wanted` of them, and the others.

    `unclear`: an earlier rollout made them, and the live release's image is missing: they may be the live release's
    too. They are left alone.
    """

    live: tuple[Instance, ...]
    others: tuple[Instance, ...]
    unclear: tuple[Instance, ...]
    wanted: int


async def running(ports: Ports, follower: Follower, live: LiveRelease) -> Copies:
    """Raises EngineFailed; ReleaseNotKept if the live release does not have the follower."""
    definition = ports.engine.defined(live.sha)
    wanted = await ports.engine.copies(definition, follower.service)
    found = [instance for instance in await drift.find_all_of(ports, follower) if not instance.gone]
    own = {i.id: i.service == follower.service and await _is_live(ports, i, live, definition) for i in found}
    of_live, others, unclear = (tuple(i for i in found if own[i.id] is part) for part in (True, False, None))
    return Copies(of_live, others, unclear, wanted)


async def _is_live(ports: Ports, instance: Instance, live: LiveRelease, definition: Definition) -> bool | None:
    try:
        return instance.rollout == live.rollout_id or await ports.engine.unchanged(instance, definition)
    except BuildFailed:
        return None


async def restore(stack: Stack, ports: Ports, follower: Follower, live: LiveRelease) -> None:
    """Starts the copies that are missing, then stops the others.

    Raises EngineFailed, ReleaseNotKept, StartFailed; VariableMissing or FilesChanged if what the live release was
    defined with has changed.
    """
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
        missing = seen.wanted - len(seen.live) - len(seen.unclear)
        if aside or seen.others or (not proven and missing > 0):
            await restore(stack, ports, follower, live)
        await stop_all(stack, ports, aside)
    except StaleWorker:
        raise
    except UpdaterError as error:
        log.error("the copies of a follower may be of several releases", service=follower.service, reason=str(error))
