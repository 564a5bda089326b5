"""Replaces the updater with that of a new release, or restores the old one.

The successor may be killed at any moment. The engine restarts it, it checks the current state first, and all its
actions can be repeated. It replaces web first, and the worker only after the new web is healthy. The way back is the
reverse.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from app.domain.errors import UpdaterError
from app.domain.stack import Updater
from workers.ports import CheckResult, Instance
from workers.rollout.checks.readiness import SETTLE_SECONDS
from workers.self_update.model import Attempt, Side

TRIES = 5
"""How many starts of the successor may try the new updater. Later starts only restore the old one, without a limit."""

RESTARTS = 3
"""A service that the engine restarted this often counts as unhealthy, without waiting any longer."""

POLL_SECONDS = 0.5

log = structlog.get_logger()


class UpdaterServices(Protocol):
    """The part of OwnContainers that the successor needs."""

    async def put(self, attempt: Attempt, service: str, *, new: bool) -> None: ...
    async def stop(self, service: str) -> None: ...
    async def instance(self, service: str) -> Instance | None: ...
    async def check(self, instance: str, limit: float) -> CheckResult: ...
    def record(self, attempt: Attempt) -> None: ...
    def claims(self, attempt: Attempt, side: Side) -> bool: ...


class _Dismissed(Exception):
    """The worker is stopping this successor."""


class JournalHandOver(Protocol):
    """The journal's handover to the new updater, and its return: see JournalCopy."""

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
    """Redacts secrets in the output of Compose and the engine."""

    async def run(self, attempt: Attempt) -> Attempt:
        """Runs or resumes the attempt. Returns how it ended; not ended if the worker dismisses this successor.

        Raises UpdaterError if even the old updater could not be started; the caller then has to run it again.
        """
        if attempt.ended:
            return attempt
        attempt = self._recorded(replace(attempt, starts=attempt.starts + 1))
        try:
            return await self._to_its_end(attempt)
        except _Dismissed:
            log.info("the worker dismisses this successor")
            return attempt

    async def _to_its_end(self, attempt: Attempt) -> Attempt:
        if not attempt.why:
            if not (why := await self._go_on(attempt)):
                return self._recorded(replace(attempt, ended=True))
            attempt = self._recorded(replace(attempt, why=why))
            log.error("the new updater is not healthy; restoring the old one", reason=why)
        left = await self._go_back(attempt)
        return self._recorded(replace(attempt, ended=True, why=f"{attempt.why}; {left or 'the old one runs again'}"))

    async def _go_on(self, attempt: Attempt) -> str:
        """Starts the new updater. Returns why it is not healthy; empty if it is."""
        if attempt.starts > TRIES:
            return f"the successor died {TRIES} times"
        try:
            if why := await self._put(attempt, self.updater.web, new=True):
                return why
            self._claim_the_worker(attempt)
            self.journal.keep()
            return await self._put(attempt, self.updater.worker, new=True)
        except UpdaterError as error:
            return str(self.hide("; ".join([str(error), *error.last_lines[-1:]])))

    async def _go_back(self, attempt: Attempt) -> str:
        """Restores the old updater. Returns which part is not healthy; empty if all is."""
        self._claim_the_worker(attempt)
        if self.journal.kept:  # the journal was handed over: the new worker must stop writing to it
            await self.services.stop(self.updater.worker)
            self.journal.give_back()
        wrong = [await self._put(attempt, name, new=False) for name in (self.updater.worker, self.updater.web)]
        return "; ".join(filter(None, wrong))

    def _claim_the_worker(self, attempt: Attempt) -> None:
        """From now on only this successor may stop the other side. Raises _Dismissed if the worker was first."""
        if not self.services.claims(attempt, Side.SUCCESSOR):
            raise _Dismissed

    async def _put(self, attempt: Attempt, service: str, *, new: bool) -> str:
        await self.services.put(attempt, service, new=new)
        try:
            async with asyncio.timeout(self.updater.ready):
                return await self._why_unhealthy(service)
        except TimeoutError:
            return f"{service} was not healthy within {self.updater.ready:g} s"

    async def _why_unhealthy(self, service: str) -> str:
        """Waits until the service's health check passes; without one, until it has run for SETTLE_SECONDS.

        Returns an empty string then, or the reason if the service keeps ending.
        """
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
        """Runs the check now: the engine's next run may be half a minute away. Accepts its verdict `unhealthy`."""
        if not found.running or found.health in {None, "healthy", "unhealthy"}:
            return found.running and found.health == "healthy"
        return (await self.services.check(found.id, self.updater.ready)).passed

    def _recorded(self, attempt: Attempt) -> Attempt:
        self.services.record(attempt)
        return attempt
