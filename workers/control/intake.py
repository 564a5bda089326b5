"""Takes in what the web process recorded: releases that were accepted, and releases that were withdrawn."""

from collections.abc import Callable

import structlog

from app.domain.acceptance import withdrawn
from app.domain.errors import LedgerUnavailable
from app.domain.stack import Stack
from workers.control import dropped
from workers.control.known_repository import taken_in
from workers.ports import Ports
from workers.rollout import stop
from workers.rollout.run import Run

log = structlog.get_logger()


class Intake:
    """`running`: the run of the rollout that is in the journal; None if none runs."""

    def __init__(self, stack: Stack, ports: Ports, running: Callable[[], Run | None]) -> None:
        self._stack = stack
        self._ports = ports
        self._running = running

    async def take_in(self) -> None:
        """Moves releases from the ledger to the journal. It deletes them last, so a crash loses no release.

        A withdrawn one never goes live: if it waits, it is dismissed; if its rollout has not flipped, that ends.
        """
        try:
            pending = await self._ports.inbox.pending()
            taken_back = await self._ports.inbox.withdrawals()  # last: see State.accept
            before = self._ports.journal.state.accepted
            state = await self._ports.journal.update(
                lambda s: withdrawn.withdraw(taken_in(s, self._stack, pending), *taken_back)
            )
            self._ports.publisher.queued([r for r in state.accepted if r not in before])
            await self._ports.inbox.taken(pending)
        except LedgerUnavailable as away:
            log.warning("the ledger cannot be read; continuing with the journal", reason=str(away))
        await dropped.report(self._ports)
        await self._stop_withdrawn()

    async def _stop_withdrawn(self) -> None:
        """Ends the rollout of a withdrawn release before its flip. After it, the release stays, with an alarm."""
        run, state = self._running(), self._ports.journal.state
        if run is None or state.rollout is None or state.rollout.stopping is not None:
            return
        if withdrawn.withdrawal_of(state, state.rollout.release) and run.give_way(why := stop.withdrawn()):
            await run.stopped_by(why)
