"""The updater itself, last: where the live release has its own services otherwise than they run, it is succeeded.

A worker cannot replace itself. It starts a container of the new image that does (workers/successor.py) and ends this
one. The journal is on disk: the next worker takes the lease and goes on from there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from app.domain.errors import UpdaterError
from workers.ports import Alarm, Ports
from workers.reconcile import Reconciler

LOOK_SECONDS = 15.0
HANDOVER_SECONDS = 180.0
"""How long nothing is begun while the successor is at work: longer than it takes to fail and to put things back."""

START_SECONDS = 120.0

Hashes = Mapping[str, str]
"""By service: what Compose makes of its definition."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Outcome:
    """How the succession to the release `sha` went; empty `why`: the new updater runs."""

    sha: str
    why: str = ""


class OwnServices(Protocol):
    """The updater's own services on the engine. Every call may raise EngineFailed."""

    async def running(self) -> Hashes: ...
    async def wanted(self, model: Path) -> Hashes: ...
    async def begin(self, sha: str, new: Path, old: Path, limit: float) -> None:
        """Starts the successor. Raises BuildFailed where its image is not to be had, StartFailed."""

    @property
    def outcome(self) -> Outcome | None:
        """Of the last succession."""


class Succession:
    """Looks every LOOK_SECONDS, and acts only where nothing is being rolled out."""

    def __init__(self, ports: Ports, reconciler: Reconciler, own: OwnServices) -> None:
        self._ports, self._reconciler, self._own = ports, reconciler, own
        self._tried: str | None = None

    async def run(self) -> None:
        """Until it is cancelled, or another worker has taken over."""
        while not self._reconciler.replaced:
            await self._ports.clock.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except UpdaterError as error:
                log.warning("the updater stays as it is for now", reason=str(error))

    def alarms(self) -> list[Alarm]:
        """That the live release's updater did not take over."""
        live, last = self._ports.journal.state.current, self._own.outcome
        if live is None or last is None or last.sha != live.sha or not last.why:
            return []
        text = (
            f"The updater of {live.tag} did not take over, so the one before stays: {last.why}. Your traffic goes on."
        )
        return [Alarm("updater_not_replaced", text)]

    async def look(self) -> None:
        """Begins a succession where one is due; each release gets one."""
        async with self._reconciler.quiet() as quiet:
            state = self._ports.journal.state
            live, before = state.current, state.previous
            if not quiet or state.paused or live is None or before is None or self._was_tried(live.sha):
                return
            new, old = (self._ports.engine.defined(release.sha).path for release in (live, before))
            if not await self._due(new, old):
                return
            await self._succeed(live.sha, live.tag, new, old)

    def _was_tried(self, sha: str) -> bool:
        last = self._own.outcome
        return sha == self._tried or (last is not None and last.sha == sha)

    async def _due(self, new: Path, old: Path) -> bool:
        """The new release changes it, and what runs is what the release before had: what to go back to is known."""
        running, wanted = await self._own.running(), await self._own.wanted(new)
        return bool(wanted) and wanted != running and running == await self._own.wanted(old)

    async def _succeed(self, sha: str, tag: str, new: Path, old: Path) -> None:
        await self._ports.journal.check()
        log.info("the release changes the updater too: its successor starts", release=tag)
        self._ports.chronicle.event("updater.succession", tag=tag, sha=sha)
        await self._own.begin(sha, new, old, START_SECONDS)
        self._tried = sha
        await self._ports.clock.sleep(HANDOVER_SECONDS)
        outcome = self._own.outcome
        why = outcome.why if outcome and outcome.sha == sha else "the successor did not say how it ended"
        log.error("this updater stays: the new one did not take over", release=tag, reason=why)
