"""Rebuilds a lost journal from the running containers and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from app.domain.errors import LedgerUnavailable
from app.domain.release import LiveRelease
from app.domain.stack import Color, Stack
from app.domain.state import State
from workers.ports import Instance, Ports

log = structlog.get_logger()


@dataclass(frozen=True)
class Found:
    """The live release and the one before it, as the machine shows them."""

    color: Color | None = None
    current: LiveRelease | None = None
    previous: LiveRelease | None = None


async def rebuild(stack: Stack, ports: Ports) -> None:
    """Rebuilds a lost journal and pauses with the reason. Keeps a valid journal, and the blank one of a first start.

    A journal with an epoch was written by a worker, so it is valid even if it has no release yet.
    """
    lost, state = ports.journal.lost, ports.journal.state
    if lost is None and (state.epoch or not state.is_blank):
        return
    found = await look(stack, ports) if state.is_blank else Found(state.active_color, state.current, state.previous)
    if lost is None and found.current is None:
        return
    reason = _reason(lost, state, found)
    log.error("the journal was lost", reason=reason)
    now = ports.clock.now()
    decided = await ports.publisher.decided_keys()
    epoch = int(now.timestamp())  # higher than any epoch of a worker, so a worker that wakes up stays rejected
    await ports.journal.update(
        lambda s: s.rebuilt(
            color=found.color, current=found.current, previous=found.previous, decided=decided, epoch=epoch
        ).pause(reason)
    )
    await _accept_undecided(ports)
    await _stop_orphans(stack, ports)
    ports.publisher.event("paused", reason=reason)


async def _accept_undecided(ports: Ports) -> None:
    """Accepts the releases that the ledger knows, are undecided and newer than the live one: the journal lost them."""
    try:
        known = await ports.inbox.known()
    except LedgerUnavailable as away:
        log.warning("the ledger cannot be read; the next delivery brings in its releases", reason=str(away))
        return
    live = ports.journal.state.current
    order = live.order if live else None
    newer = [r for r in known if order is None or r.order > order]
    await ports.journal.update(lambda s: s.accept(*newer))


async def _stop_orphans(stack: Stack, ports: Ports) -> None:
    """Stops the idle color and the one-off command of a rollout that was lost with the journal."""
    await ports.engine.sweep()
    color = ports.journal.state.active_color
    if color is None:
        return
    for service in stack.routed:
        for instance in await ports.engine.find(service.colors[color.other]):
            if instance.running and instance.rollout is not None:
                await ports.engine.stop(instance.id, stack.times.stop_grace)


async def look(stack: Stack, ports: Ports) -> Found:
    """Finds the live color (the one in the route file, else the only one that runs), its release and the kept one."""
    colors = {color: await _instances(stack, ports, color) for color in Color}
    running = [color for color, instances in colors.items() if all(any(i.running for i in s) for s in instances)]
    named = await ports.route.active()
    color = named if named in running else (running[0] if len(running) == 1 else None)
    if color is None:
        return Found()
    now = ports.clock.now()
    kept = [[i for i in s if i.gone] for s in colors[color.other]]
    return Found(color, _release([[i for i in s if i.running] for s in colors[color]], now), _release(kept, now))


async def _instances(stack: Stack, ports: Ports, color: Color) -> list[list[Instance]]:
    return [await ports.engine.find(service.colors[color]) for service in stack.routed]


def _release(by_service: Sequence[Sequence[Instance]], now: datetime) -> LiveRelease | None:
    """Returns the release in the labels of every service's first instance; None if they differ or are not ours."""
    labels = {(i[0].release, i[0].sha, i[0].rollout) if i else (None, None, None) for i in by_service}
    (release, sha, rollout), *others = labels
    if others or release is None or sha is None or rollout is None:
        return None
    return LiveRelease(release, sha, rollout, now, adopted=any(i.adopted for each in by_service for i in each[:1]))


def _reason(lost: str | None, state: State, found: Found) -> str:
    gone = "The state file is missing." if state == State() else "Another updater wrote the state file."
    if found.current is None:
        live = "No release of the updater is live."
    else:
        live = f"According to its containers, {found.current.tag} is live on {found.color}."
    paused = f" Releases were already paused: {state.pause_reason}" if state.paused and state.pause_reason else ""
    return f"{lost or gone} {live} Your traffic is not affected. Check that this is right, then unpause.{paused}"
