"""Rebuilds a lost journal from the running containers and their labels."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from app.domain.history import HistoryEntry, decided_keys, proven_rollouts
from app.domain.stack import Color, Stack
from workers.control.lost_journal.found import Found, look, reason_of, started_by_rollouts
from workers.control.lost_journal.undecided import accept_undecided, taken_by_workers
from workers.ports import Ports

log = structlog.get_logger()


async def rebuild(stack: Stack, ports: Ports) -> None:
    """Rebuilds a lost journal and pauses with the reason. Keeps a valid journal, and the blank one of a first start.

    A journal with an epoch was written by a worker, so it is valid even if it has no release yet. If it was lost,
    `end_lost_rollout` ends what it no longer knows.
    """
    lost, state = ports.journal.lost, ports.journal.state
    if lost is None and (state.epoch or not state.is_blank):
        return
    history = await ports.publisher.history()
    proven = proven_rollouts(history)
    if state.is_blank:
        found = await look(stack, ports, proven)
    else:
        found = Found(state.active_color, state.current, state.previous, state.last_good_tag)
    if lost is None and found.current is None and not history and not await _left_over(stack, ports):
        taken = await taken_by_workers(ports)
        if taken is None:  # ask again when the ledger answers: see `accept_undecided`
            await ports.journal.update(lambda s: replace(s, ledger_unread=True))
        if not taken:
            return
    found = _without_failed(found, history)
    reason = reason_of(lost, state, found)
    log.error("the journal was lost", reason=reason)
    now = ports.clock.now()
    epoch = int(now.timestamp())  # higher than any epoch of a worker, so a worker that wakes up stays rejected
    decided = decided_keys(history)
    await ports.journal.update(
        lambda s: s.rebuilt(
            color=found.color,
            current=found.current,
            previous=found.previous,
            good=found.good,
            decided=decided,
            epoch=epoch,
        ).pause(reason)
    )
    await accept_undecided(ports, stack.tags)
    ports.publisher.event("paused", reason=reason)


def _without_failed(found: Found, history: Sequence[HistoryEntry]) -> Found:
    """`found` without a release before it whose rollout did not succeed: that one is no way back."""
    failed = {entry.rollout_id for entry in history} - proven_rollouts(history)
    return replace(found, previous=None) if found.previous and found.previous.rollout_id in failed else found


async def _left_over(stack: Stack, ports: Ports) -> bool:
    """Whether containers of a rollout run, although no release is live: the journal had that rollout."""
    started = [instance for color in Color for instance in await started_by_rollouts(stack, ports, color)]
    return any(not instance.adopted for instance in started)
