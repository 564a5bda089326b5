"""The updater itself, last: where the live release has its own services otherwise than they run, it is succeeded.

A worker cannot replace itself. It starts a container that does (successor.py), which ends this one. The journal
is on disk: the next worker takes the lease and goes on from there.

The updater is that of the live release, in both directions: it follows a release that goes live, and follows back when
an operator rolls it back, each time as soon as rollouts are not paused. Each rollout gets one attempt; to apply a tag
again is another rollout.

It is only replaced where it is known what to put back: it has to run as the last succession left it, or as the live
release or the one before has it. What runs in no such way was changed by hand, and is somebody's wish: it is told and
left alone. A failed succession is no change by hand: what it left running is on record, however old it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from app.domain.errors import UpdaterError
from app.domain.findings import Alarm
from app.domain.release import LiveRelease
from app.domain.stack import Stack, Updater
from workers.control.reconcile import Reconciler
from workers.ports import Instance, Ports
from workers.self_update.model import (
    SUCCESSOR,
    Attempt,
    Runs,
    Services,
    runs_as,
)

LOOK_SECONDS = 15.0
POLL_SECONDS = 1.0
FIRST_AGAIN_SECONDS, LAST_AGAIN_SECONDS = 60.0, 900.0
"""When an image that cannot be had is asked for again: twice as long each time."""

STEP_SECONDS = 120.0
"""What each of the successor's steps may take on top of what stack.yml gives it: its start, a stop, the engine."""

log = structlog.get_logger()


class OwnServices(Protocol):
    """The updater's own services on the engine. Every call may raise EngineFailed."""

    async def running(self) -> Mapping[str, Runs]:
        """By service; one that does not run is not in it."""

    def defined(self, model: Path) -> Services | None:
        """None where the file is gone."""

    def left(self) -> Path | None:
        """The model from which the last succession left the updater running; None where there was none."""

    async def fetch(self, new: Path) -> None:
        """The images of the new updater are there. Raises BuildFailed."""

    async def prepare(self, attempt: Attempt, new: Path, old: Path) -> None:
        """All that the successor needs is on disk; from then on `attempt` has begun."""

    async def send(self, attempt: Attempt) -> None:
        """The successor runs. Asked twice, it runs once. Raises StartFailed."""

    async def dismiss(self) -> bool:
        """The successor is gone; whether there was one."""

    async def put(self, attempt: Attempt, service: str, *, new: bool) -> None:
        """Has it run as the new or the old updater. Raises StartFailed."""

    async def instance(self, service: str) -> Instance | None:
        """None where there is not exactly one."""

    @property
    def attempt(self) -> Attempt | None:
        """The last one, ended or not."""

    def record(self, attempt: Attempt) -> None: ...


@dataclass(frozen=True)
class Due:
    """The live release, the model of its updater, and the model of the one that runs."""

    live: LiveRelease
    new: Path
    old: Path


class Succession:
    """Looks at once and every LOOK_SECONDS; begins only where nothing is being rolled out."""

    def __init__(self, stack: Stack, updater: Updater, ports: Ports, reconciler: Reconciler, own: OwnServices) -> None:
        self._stack, self._updater = stack, updater
        self._ports, self._reconciler, self._own = ports, reconciler, own
        self._again_at, self._again_after = 0.0, FIRST_AGAIN_SECONDS
        self._told: dict[str, str] = {}
        self._seen: str | None = None

    @property
    def limit(self) -> float:
        """Seconds that the successor has: to start two services and see them well, and to put both back."""
        return 4 * (self._stack.times.start + self._updater.ready + STEP_SECONDS)

    async def run(self) -> None:
        """Until it is cancelled, or another worker has taken over."""
        while not self._reconciler.replaced:
            try:
                await self.look()
            except UpdaterError as error:
                log.warning("the updater stays as it is for now", reason=str(error))
            except Exception:
                log.exception("the updater stays as it is for now; it looks again")
            await self._ports.clock.sleep(LOOK_SECONDS)

    def alarms(self) -> list[Alarm]:
        """That the live release's updater does not run, and why."""
        live, last = self._ports.journal.state.current, self._own.attempt
        if live is None:
            return []
        if last and last.rollout == live.rollout_id and last.ended and last.why:
            return [_not_replaced(live.tag, last.why, f"docker logs of {SUCCESSOR} has more. {_FIX}")]
        if why := self._told.get(live.rollout_id):
            return [_not_replaced(live.tag, why)]
        return []

    async def look(self) -> None:
        """Ends a succession that was begun, or begins one where it is due."""
        async with self._reconciler.quiet() as quiet:
            if quiet and (last := self._own.attempt) and last.rollout != self._seen:
                await self._attend(last)
            due = await self._due() if quiet else None
        if due is None:
            return
        await self._fetch(due)  # it may take long, and changes nothing: beside the rollouts
        async with self._reconciler.quiet() as quiet:
            if quiet and self._is_wanted(due.live):
                await self._begin(due)

    def _is_wanted(self, live: LiveRelease) -> bool:
        state, last = self._ports.journal.state, self._own.attempt
        return not state.paused and state.current == live and (last is None or last.rollout != live.rollout_id)

    async def _due(self) -> Due | None:
        state = self._ports.journal.state
        live, before = state.current, state.previous
        if live is None or not self._is_wanted(live) or self._ports.clock.monotonic() < self._again_at:
            return None
        new, kept = self._path(live), [self._path(before)] if before else []
        services, running = self._own.defined(new), await self._own.running()
        self._told = {}
        if services is None or running.keys() != set(self._updater.services):
            return None  # somebody stopped it, or it is being started
        if missing := [name for name in self._updater.services if name not in services]:
            self._tell(live, f"it has no service {', '.join(missing)}, which stack.yml names under `updater`")
            return None
        known = [path for path in (self._own.left(), *kept, new, self._ports.engine.published_path) if path is not None]
        old = next((path for path in known if self._was_started_from(path, running)), None)
        if old is None:
            self._tell(live, f"what runs is how neither it nor the release before has it. {_BY_HAND}")
            return None
        return Due(live, new, old) if self._own.defined(old) != services else None

    def _path(self, release: LiveRelease) -> Path:
        return self._ports.engine.defined(release.sha).path

    def _was_started_from(self, model: Path, running: Mapping[str, Runs]) -> bool:
        services = self._own.defined(model)
        return services is not None and runs_as(running, services, self._stack.project)

    def _tell(self, live: LiveRelease, why: str) -> None:
        self._told = {live.rollout_id: why}

    async def _fetch(self, due: Due) -> None:
        try:
            await self._own.fetch(due.new)
        except UpdaterError as error:
            self._again_at = self._ports.clock.monotonic() + self._again_after
            self._again_after = min(2 * self._again_after, LAST_AGAIN_SECONDS)
            self._tell(due.live, f"its image is unavailable; the worker keeps retrying: {error}")
            raise
        self._again_after = FIRST_AGAIN_SECONDS

    async def _begin(self, due: Due) -> None:
        await self._ports.journal.check()
        log.info("the release changes the updater too: its successor starts", release=due.live.tag)
        self._ports.publisher.event("updater.succession", tag=due.live.tag, rollout_id=due.live.rollout_id)
        worker = await self._own.instance(self._updater.worker)
        attempt = Attempt(due.live.rollout_id, due.live.tag, worker.id if worker else "")
        await self._own.prepare(attempt, due.new, due.old)
        await self._attend(attempt)

    async def _attend(self, attempt: Attempt) -> None:
        """Until the successor says how it ended; where it does not, this worker stays, and web goes with it.

        Nothing is rolled out meanwhile. The successor may end this worker here at any moment.
        """
        if not attempt.ended:
            attempt = await self._settle(attempt, await self._wait(attempt))
        await self._tell_end(attempt)
        self._seen = attempt.rollout

    async def _wait(self, attempt: Attempt) -> str:
        """Why it has not ended, where it has not."""
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
        """This worker runs, so the updater that it is part of is the one that stays. It never touches itself."""
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
        """What the last succession left is what an operator's own `docker compose up` finds, and recreates nothing."""
        left, live = self._own.left(), self._ports.journal.state.current
        if left is None:
            return
        runs = self._was_started_from(left, await self._own.running())
        if runs or (live and live.rollout_id == ended.rollout):
            await self._ports.engine.publish_updater(left)
        if not runs:
            self._told = {ended.rollout: f"what runs is not how its succession left it. {_BY_HAND}"}

    async def _tell_end(self, ended: Attempt) -> None:
        await self._publish(ended)
        if ended.why:
            log.error("this updater stays: the new one did not take over", release=ended.tag, reason=ended.why)
            return
        if await self._own.dismiss():  # it is told once: later there is none
            log.info("the updater was replaced", release=ended.tag)
            self._ports.publisher.event("updater.replaced", tag=ended.tag, rollout_id=ended.rollout)


_FIX = "Publish a release that fixes it, or apply the tag again."
_BY_HAND = (
    "It was changed from outside, so it is left alone. `docker compose up -d` in the live directory restores the last "
    "replacement, which then follows the live release; without `updater` in stack.yml it is never replaced"
)


def _not_replaced(tag: str, why: str, then: str = "") -> Alarm:
    stays = f"The updater of {tag} did not take over, so the one before it stays: {why.rstrip('.')}."
    return Alarm("updater_not_replaced", f"{stays} Your traffic goes on. {then}".rstrip())
