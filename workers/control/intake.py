"""Takes in what the web process recorded: releases that were accepted, and releases that were withdrawn."""

from collections.abc import Callable, Sequence

import structlog

from app.domain.acceptance import withdrawn
from app.domain.errors import LedgerUnavailable
from app.domain.release import Release
from app.domain.stack import Stack
from app.domain.state import State
from app.domain.withdrawal import Withdrawal
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
            state = await self._ports.journal.update(lambda s: self._taken_in(s, pending, taken_back))
            self._ports.publisher.queued([r for r in state.accepted if r not in before])
            await self._ports.inbox.taken([r for r in pending if not withdrawn.waits_for_the_one_before(state, r)])
        except LedgerUnavailable as away:
            log.warning("the ledger cannot be read; continuing with the journal", reason=str(away))
        await dropped.report(self._ports)
        await self._stop_withdrawn()

    def _taken_in(self, state: State, pending: Sequence[Release], taken_back: Sequence[Withdrawal]) -> State:
        """A release that was published again ends the publication before: the tag may have moved between the two."""
        before = withdrawn.withdraw(state, *withdrawn.replaced(state, pending))
        return withdrawn.withdraw(taken_in(before, self._stack, pending), *taken_back)

    async def _stop_withdrawn(self) -> None:
        """Ends the rollout of a withdrawn release before its flip. After it, the release stays, with an alarm."""
        run, state = self._running(), self._ports.journal.state
        if run is None or state.rollout is None or state.rollout.stopping is not None:
            return
        if withdrawn.withdrawal_of(state, state.rollout.release) and run.give_way(why := stop.withdrawn()):
            await run.stopped_by(why)
