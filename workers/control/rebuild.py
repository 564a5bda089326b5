"""Rebuilds a lost journal from what runs and its labels."""

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
    """What the machine says is live, and what was before it."""

    color: Color | None = None
    current: LiveRelease | None = None
    previous: LiveRelease | None = None


async def rebuild(stack: Stack, ports: Ports) -> None:
    """Fills a lost journal in and pauses with the reason; a journal that is whole, or was never there, stays.

    One that a worker has written, as its epoch shows, is whole, even if it knows of nothing yet.
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
    epoch = int(now.timestamp())  # above any that a worker counted to: one that still sleeps stays refused
    await ports.journal.update(
        lambda s: s.rebuilt(
            color=found.color, current=found.current, previous=found.previous, decided=decided, epoch=epoch
        ).pause(reason)
    )
    await _take_in_what_was_accepted(ports)
    await _stop_what_nobody_knows(stack, ports)
    ports.publisher.event("paused", reason=reason)


async def _take_in_what_was_accepted(ports: Ports) -> None:
    """What was ever accepted, was not decided and would still be wanted: the journal may have had it in hand."""
    try:
        known = await ports.inbox.known()
    except LedgerUnavailable as away:
        log.warning("the ledger cannot be read now; what it knows comes in with the next delivery", reason=str(away))
        return
    live = ports.journal.state.current
    order = live.order if live else None
    newer = [r for r in known if order is None or r.order > order]
    await ports.journal.update(lambda s: s.accept(*newer))


async def _stop_what_nobody_knows(stack: Stack, ports: Ports) -> None:
    """The idle color of a rollout that was lost with the journal, and its command: they do not run on for nothing."""
    await ports.engine.sweep()
    color = ports.journal.state.active_color
    if color is None:
        return
    for service in stack.routed:
        for instance in await ports.engine.find(service.colors[color.other]):
            if instance.running and instance.rollout is not None:
                await ports.engine.stop(instance.id, stack.times.stop_grace)


async def look(stack: Stack, ports: Ports) -> Found:
    """The color that the route file names, or the one that runs; its release; the kept release of the other color."""
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
    """The one release that every service's first instance is labelled with; None when they differ or are not ours."""
    labels = {(i[0].release, i[0].sha, i[0].rollout) if i else (None, None, None) for i in by_service}
    (release, sha, rollout), *others = labels
    if others or release is None or sha is None or rollout is None:
        return None
    return LiveRelease(release, sha, rollout, now, adopted=any(i.adopted for each in by_service for i in each[:1]))


def _reason(lost: str | None, state: State, found: Found) -> str:
    gone = "The state file is gone." if state == State() else "The state file is the one of another updater."
    if found.current is None:
        live = "Nothing that the updater made is live."
    else:
        live = f"{found.current.tag} is live on {found.color}, as its containers say."
    paused = f" Releases were paused before: {state.pause_reason}" if state.paused and state.pause_reason else ""
    return f"{lost or gone} {live} Traffic was not touched. Look whether that is right, then unpause.{paused}"
