"""Replaces the updater itself when the live release defines its services differently from how they run.

A worker cannot replace itself. It starts a container that does (successor.py) and that ends this worker. The journal
is on disk: the next worker takes the lease and continues from there.

The updater follows the live release in both directions: when a release goes live, and when an operator rolls it back,
each time as soon as rollouts are not paused. Each rollout gets one attempt. Applying a tag again is another rollout.

The updater is replaced only if it is known what to restore: it must run as the last succession left it, or as the live
release or the previous one defines it. Otherwise it was changed by hand, and the worker reports that and leaves it
alone. A failed succession is no change by hand: what it left running is on record, however old it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from app.domain.errors import EngineFailed, UpdaterError
from app.domain.findings import Alarm
from app.domain.release import LiveRelease
from app.domain.stack import Stack, Updater
from workers.control.reconcile import Reconciler
from workers.ports import Ports
from workers.self_update.alarms import (
    BY_HAND,
    FIX,
    IN_A_SHELL,
    STARTED_FROM_A_SHELL,
    not_ended,
    not_replaced,
    successor_in,
)
from workers.self_update.model import (
    Attempt,
    Runs,
    Services,
    Side,
    from_environment,
    runs_as,
)
from workers.self_update.own_services import OwnServices

LOOK_SECONDS = 15.0
POLL_SECONDS = 1.0
FIRST_AGAIN_SECONDS, LAST_AGAIN_SECONDS = 60.0, 900.0
"""The first and the longest wait before pulling an unavailable image again. The wait doubles each time."""

STEP_SECONDS = 120.0
"""How long each of the successor's steps may take on top of stack.yml's limits: its start, a stop, the engine."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Due:
    """A succession that is due: the live release, the model of its updater, and that of the running updater."""

    live: LiveRelease
    new: Path
    old: Path


class Succession:
    """Looks at the start and every LOOK_SECONDS. Begins only if no rollout runs."""

    def __init__(self, stack: Stack, updater: Updater, ports: Ports, reconciler: Reconciler, own: OwnServices) -> None:
        self._stack, self._updater = stack, updater
        self._ports, self._reconciler, self._own = ports, reconciler, own
        self._again_at, self._again_after = 0.0, FIRST_AGAIN_SECONDS
        self._problems: dict[str, str] = {}
        self._goes_on: dict[str, str] = {}
        self._seen: str | None = None

    @property
    def limit(self) -> float:
        """The successor's time limit in seconds: to start two services, see them healthy, and restore both."""
        return 4 * (self._stack.times.start + self._updater.ready + STEP_SECONDS)

    async def run(self) -> None:
        """Runs until it is cancelled, or another worker has taken over."""
        while not self._reconciler.replaced:
            try:
                await self.look()
            except UpdaterError as error:
                log.warning("could not replace the updater; retrying", reason=str(error))
            except Exception:
                log.exception("could not replace the updater; retrying")
            await self._ports.clock.sleep(LOOK_SECONDS)

    def alarms(self) -> list[Alarm]:
        """The alarm that the live release's updater does not run, with the reason."""
        live, last = self._ports.journal.state.current, self._own.attempt
        if live is None:
            return []
        if last and last.rollout == live.rollout_id and last.ended and last.why:
            logs = f"Check `docker logs {successor_in(self._stack.project)}`."
            return [not_replaced(live.tag, last.why, f"{logs} {FIX}")]
        if last and not last.ended and (why := self._goes_on.get(last.rollout)):
            return [not_ended(last.tag, why, self._stack.project)]
        if why := self._problems.get(live.rollout_id):
            return [not_replaced(live.tag, why)]
        return []

    async def look(self) -> None:
        """Ends a succession that has begun, or begins one that is due."""
        async with self._reconciler.quiet() as quiet:
            if quiet and (last := self._own.attempt) and last.rollout != self._seen:
                await self._attend(last)
            due = await self._due() if quiet else None
        if due is None:
            return
        await self._fetch(due)  # it may take long and changes nothing, so rollouts may run meanwhile
        async with self._reconciler.quiet() as quiet:
            if quiet and self._is_wanted(due.live):
                await self._begin(due)

    def _is_wanted(self, live: LiveRelease) -> bool:
        state, last = self._ports.journal.state, self._own.attempt
        due = not state.paused and state.current == live and (last is None or last.rollout != live.rollout_id)
        return due and self._reconciler.decide().go is None  # what waits goes first, also after a failed write

    async def _due(self) -> Due | None:
        state = self._ports.journal.state
        live, before = state.current, state.previous
        if live is None or not self._is_wanted(live) or self._ports.clock.monotonic() < self._again_at:
            return None
        new, kept = self._path(live), [self._path(before)] if before else []
        services, running = self._own.defined(new), await self._own.running()
        self._problems = {}
        if services is None or running.keys() != set(self._updater.services):
            return None  # it was stopped, or it is starting
        known = [path for path in (self._own.left(), *kept, new, self._ports.engine.published_path) if path is not None]
        old = next((path for path in known if self._was_started_from(path, running)), None)
        runs = self._own.defined(old) if old is not None else None
        if runs == services:
            return None
        if why := self._why_not(new, services, runs):
            self._report(live, why)
            return None
        assert old is not None  # noqa: S101 - `_why_not` reports that
        return Due(live, new, old)

    def _why_not(self, new: Path, services: Services, runs: Services | None) -> str:
        """Why the running updater (None: it is unknown) cannot be replaced by `services` of `new`; empty if it can."""
        if missing := [name for name in self._updater.services if name not in services]:
            return f"it has no service {', '.join(missing)}, which stack.yml names under `updater`"
        if runs is None:
            return f"the running updater matches neither it nor the previous release. {BY_HAND}"
        if names := from_environment(services):
            return IN_A_SHELL.format(", ".join(names))
        if names := from_environment(runs):
            command = f"docker compose -p {self._stack.project} -f {new} up -d --no-deps {' '.join(services)}"
            return STARTED_FROM_A_SHELL.format(", ".join(names), command)
        return ""

    def _path(self, release: LiveRelease) -> Path:
        return self._ports.engine.defined(release.sha).path

    def _was_started_from(self, model: Path, running: Mapping[str, Runs]) -> bool:
        services = self._own.defined(model)
        return services is not None and runs_as(running, services, self._stack.project)

    def _report(self, live: LiveRelease, why: str) -> None:
        self._problems = {live.rollout_id: why}

    async def _fetch(self, due: Due) -> None:
        try:
            await self._own.fetch(due.new)
        except UpdaterError as error:
            self._again_at = self._ports.clock.monotonic() + self._again_after
            self._again_after = min(2 * self._again_after, LAST_AGAIN_SECONDS)
            self._report(due.live, f"its image is unavailable; the worker keeps retrying: {error}")
            raise
        self._again_after = FIRST_AGAIN_SECONDS

    async def _begin(self, due: Due) -> None:
        await self._ports.journal.check()
        log.info("the release changes the updater; starting the successor", release=due.live.tag)
        self._ports.publisher.event("updater.succession", tag=due.live.tag, rollout_id=due.live.rollout_id)
        worker = await self._own.instance(self._updater.worker)
        attempt = Attempt(due.live.rollout_id, due.live.tag, worker.id if worker else "")
        await self._own.prepare(attempt, due.new, due.old)
        await self._attend(attempt)

    async def _attend(self, attempt: Attempt) -> None:
        """Waits until the successor records how it ended. If it does not, this worker stays, and web is restored.

        No rollout runs meanwhile. The successor may end this worker here at any moment. Raises StaleWorker if another
        worker has taken over, also during the wait: the succession is that one's.
        """
        await self._ports.journal.check()
        if not attempt.ended:
            given_up = self._own.claimed(attempt) is Side.WORKER
            why = "this worker gave the successor up" if given_up else await self._wait(attempt)
            await self._ports.journal.check()
            attempt = await self._settle(attempt, why)
        await self._report_end(attempt)
        self._seen = attempt.rollout

    async def _wait(self, attempt: Attempt) -> str:
        """Returns why the successor has not ended; empty if it has."""
        try:
            await self._own.send(attempt)
        except UpdaterError as error:
            return f"the successor could not be started: {error}"
        deadline = self._ports.clock.monotonic() + self.limit
        while self._ports.clock.monotonic() < deadline:
            if (last := self._own.attempt) and last.ended:
                return ""
            await self._ports.clock.sleep(POLL_SECONDS)
        return f"the successor did not end within {self.limit:.0f} s"

    async def _settle(self, attempt: Attempt, why: str) -> Attempt:
        """Makes web match this worker, which still runs, and records the end. The worker never changes itself."""
        if why and not self._own.claims(attempt, Side.WORKER):
            self._goes_on = {attempt.rollout: why}
            raise EngineFailed(f"{why}. The successor may be replacing this worker, so the worker does not stop it")
        if why:
            await self._own.dismiss()
        last = self._own.attempt or attempt
        if last.ended:
            return last
        worker = await self._own.instance(self._updater.worker)
        new = not last.why and worker is not None and worker.id != last.worker
        await self._own.put(attempt, self._updater.web, new=new)
        ended = replace(last, ended=True, why="" if new else f"{last.why or why}; the old one runs")
        self._own.record(ended)
        return ended

    async def _publish(self, ended: Attempt) -> None:
        """Publishes the updater that runs now, so that an operator's own `docker compose up` recreates nothing."""
        left, live = self._own.left(), self._ports.journal.state.current
        if left is None:
            return
        runs = self._was_started_from(left, await self._own.running())
        if runs or (live and live.rollout_id == ended.rollout):
            await self._ports.engine.publish_updater(left)
        if not runs:
            self._problems = {ended.rollout: f"the running updater changed after its replacement. {BY_HAND}"}

    async def _report_end(self, ended: Attempt) -> None:
        await self._publish(ended)
        if ended.why:
            log.error("the new updater did not take over; this one stays", release=ended.tag, reason=ended.why)
            return
        if await self._own.dismiss():  # reported once: later there is no successor
            log.info("the updater was replaced", release=ended.tag)
            self._ports.publisher.event("updater.replaced", tag=ended.tag, rollout_id=ended.rollout)
