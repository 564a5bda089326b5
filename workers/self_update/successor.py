"""Replaces the updater by that of a new release, or puts the old one back.

It may be killed at any moment: started again, by the engine, it looks first, and all that it does can be done twice.
Web goes first, and the worker that started this only when the new web is well; the way back is the reverse.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from app.domain.errors import UpdaterError
from app.domain.stack import Updater
from workers.ports import CheckResult, Instance
from workers.rollout.readiness import SETTLE_SECONDS
from workers.self_update.model import Attempt

TRIES = 5
"""How often it goes on with the new updater after it died; then the old one is put back, however often that takes."""

RESTARTS = 3
"""One that the engine had to start again so often is not well, and nobody is served by waiting longer."""

POLL_SECONDS = 0.5

log = structlog.get_logger()


class UpdaterServices(Protocol):
    """What it needs of OwnContainers."""

    async def put(self, attempt: Attempt, service: str, *, new: bool) -> None: ...
    async def stop(self, service: str) -> None: ...
    async def instance(self, service: str) -> Instance | None: ...
    async def check(self, instance: str, limit: float) -> CheckResult: ...
    def record(self, attempt: Attempt) -> None: ...


class JournalHandOver(Protocol):
    """What the old updater hands over, and may get back: see JournalCopy."""

    @property
    def kept(self) -> bool: ...
    def keep(self) -> None: ...
    def give_back(self) -> None: ...


@dataclass(frozen=True)
class Successor:
    services: UpdaterServices
    journal: JournalHandOver
    updater: Updater
    hide: Callable[[str], str] = str
    """Takes secrets out of what Compose and the engine have said."""

    async def run(self, attempt: Attempt) -> Attempt:
        """How it ended. Raises UpdaterError where not even the old updater could be started: then once more."""
        if attempt.ended:
            return attempt
        attempt = self._noted(replace(attempt, starts=attempt.starts + 1))
        if not attempt.why:
            if not (why := await self._go_on(attempt)):
                return self._noted(replace(attempt, ended=True))
            attempt = self._noted(replace(attempt, why=why))
            log.error("the new updater is not well: the old one is put back", reason=why)
        left = await self._go_back(attempt)
        return self._noted(replace(attempt, ended=True, why=f"{attempt.why}; {left or 'the old one runs again'}"))

    async def _go_on(self, attempt: Attempt) -> str:
        """Why the new updater is not well; empty where it is."""
        if attempt.starts > TRIES:
            return f"its successor died {TRIES} times"
        try:
            if why := await self._put(attempt, self.updater.web, new=True):
                return why
            self.journal.keep()
            return await self._put(attempt, self.updater.worker, new=True)
        except UpdaterError as error:
            return str(self.hide("; ".join([str(error), *error.last_lines[-1:]])))

    async def _go_back(self, attempt: Attempt) -> str:
        """What is not well of the old updater; empty where it is."""
        if self.journal.kept:  # the journal was handed over: the new worker must not write into it any more
            await self.services.stop(self.updater.worker)
            self.journal.give_back()
        wrong = [await self._put(attempt, name, new=False) for name in (self.updater.worker, self.updater.web)]
        return "; ".join(filter(None, wrong))

    async def _put(self, attempt: Attempt, service: str, *, new: bool) -> str:
        await self.services.put(attempt, service, new=new)
        try:
            async with asyncio.timeout(self.updater.ready):
                return await self._why_not_well(service)
        except TimeoutError:
            return f"{service} was not well within {self.updater.ready:g} s"

    async def _why_not_well(self, service: str) -> str:
        """Empty when its own health check passes; without one, when it has run for SETTLE_SECONDS."""
        seen, since = None, 0.0
        while True:
            found, now = await self.services.instance(service), asyncio.get_running_loop().time()
            if found and await self._passes(found):
                return ""
            if found and found.restarts >= RESTARTS:
                return f"{service} ended {found.restarts} times"
            key = (found.id, found.restarts) if found and found.running and found.health is None else None
            if key is None or key != seen:
                seen, since = key, now
            elif now - since >= SETTLE_SECONDS:
                return ""
            await asyncio.sleep(POLL_SECONDS)

    async def _passes(self, found: Instance) -> bool:
        """Its check is run now: the engine's own look may be half a minute away. The verdict `unhealthy` counts."""
        if not found.running or found.health in {None, "healthy", "unhealthy"}:
            return found.running and found.health == "healthy"
        return (await self.services.check(found.id, self.updater.ready)).passed

    def _noted(self, attempt: Attempt) -> Attempt:
        self.services.record(attempt)
        return attempt
