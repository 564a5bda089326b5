"""Keeps what the updater stores on disk within its bounds, also while no release comes."""

import asyncio
from collections.abc import Collection, Sequence

import structlog

from app.domain.findings import Alarm
from app.domain.state import State
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.watchdogs.repeat import repeat

LOOK_SECONDS = 3600.0
COLLECT_SECONDS = 24 * 3600.0
"""How often to collect the Git mirror: that reads and writes all of it."""

UNUSED_SECONDS = 3600.0
"""A release tree that was checked out more recently stays, because a plan may be reading it."""

log = structlog.get_logger()


class DiskWatch:
    """Looks at the start and every LOOK_SECONDS. `updater doctor` shows what is used, so it raises no alarm."""

    def __init__(self, ports: Ports, reconciler: Reconciler) -> None:
        self._ports = ports
        self._reconciler = reconciler
        self._collected_at: float | None = None

    def alarms(self) -> Sequence[Alarm]:
        return ()

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        await repeat(
            self.look,
            "could not delete what is no longer needed",
            every=LOOK_SECONDS,
            clock=self._ports.clock,
            replaced=lambda: self._reconciler.replaced,
        )

    async def look(self) -> None:
        """Deletes old logs, and what belongs to no kept release; collects the Git mirror. Raises UpdaterError."""
        await self._ports.journal.check()
        state = self._ports.journal.state
        freed = await asyncio.to_thread(self._ports.storage.prune, rollouts_kept(state))
        if freed:
            log.info("deleted old logs", freed_bytes=freed)
        async with self._reconciler.quiet() as quiet:
            if quiet:
                await self._prune(self._ports.journal.state)
        await self._collect()

    async def _prune(self, state: State) -> None:
        """Deletes the trees and definitions of other releases. If it is unknown what is live, they all stay."""
        if state.nothing_is_known_live:
            return
        keep = {live.sha for live in state.kept}
        await self._ports.engine.forget(keep)
        await self._ports.source.prune(keep, unused_for=UNUSED_SECONDS)

    async def _collect(self) -> None:
        now = self._ports.clock.monotonic()
        if self._reconciler.busy or (self._collected_at is not None and now - self._collected_at < COLLECT_SECONDS):
            return
        self._collected_at = now
        await self._ports.source.collect()


def rollouts_kept(state: State) -> Collection[str]:
    """The rollouts whose logs are never deleted: what runs, waits, is live, and was live before."""
    running = [state.rollout.id] if state.rollout else []
    waiting = [release.rollout_id for release in state.accepted]
    return {*running, *waiting, *(live.rollout_id for live in state.kept)}
