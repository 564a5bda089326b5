"""One rollout in progress. The journal is written before each side effect."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from app.domain.errors import EngineFailed, InternalError, Interrupted, StaleWorker, StepTimedOut, UpdaterError
from app.domain.notices import messages
from app.domain.release import Release
from app.domain.rollout import Retry, Rollout, RolloutStatus
from app.domain.stack import Color, Stack
from app.domain.state import State
from app.domain.step import ROUTE_SWITCH, StepKind
from app.domain.traffic import Traffic
from workers.ports import Definition, Ports, TimeLimit
from workers.rollout.after_end import AfterEnd, retry_of
from workers.rollout.retries import Retries
from workers.rollout.step import MARGIN_SECONDS, Evidence, Step
from workers.rollout.stop import decision, stop_of

if TYPE_CHECKING:
    from workers.rollout.checks.health import NewColor

log = structlog.get_logger()


class Run:
    """What the steps of a rollout share: the stack, the ports and the rollout's record.

    `stack` is the stack as its release has it, `origin` as the live release had it when the rollout began.
    `was_withdrawn` asks GitHub whether a release was withdrawn, and records it; False if that cannot be known.
    """

    def __init__(
        self,
        stack: Stack,
        ports: Ports,
        *,
        was_withdrawn: Callable[[Release], Awaitable[bool]],
        origin: Stack | None = None,
        pause_on_failure: bool = True,
    ) -> None:
        self.stack = stack
        self.origin = origin or stack
        self.ports = ports
        self.was_withdrawn = was_withdrawn
        self.pause_on_failure = pause_on_failure
        self.definition: Definition | None = None
        self.new_color: NewColor | None = None
        self.flipped_at: float | None = None
        self.traffic = Traffic()
        self._committed = False
        self._settled = False
        self._kept = False
        self._why: UpdaterError | None = None
        self._scope: TimeLimit | None = None

    @property
    def rollout(self) -> Rollout:
        rollout = self.ports.journal.state.rollout
        if rollout is None:
            raise InternalError("a step ran without a rollout")
        return rollout

    @property
    def target(self) -> Color:
        return self.rollout.target

    def say(self, line: str) -> None:
        """Writes one line to the rollout's log."""
        self.ports.publisher.line(self.rollout.id, line)

    async def record(self, change: Callable[[Rollout], Rollout]) -> None:
        await self.update(lambda state: state.progress(change(self.rollout)))

    async def update(self, change: Callable[[State], State]) -> None:
        self.ports.publisher.status(await self.ports.journal.update(change))

    def give_way(self, why: UpdaterError) -> bool:
        """Ends the rollout at once if it has not begun to move the route. Returns False if it is too late."""
        running = self.rollout.status is RolloutStatus.RUNNING
        return self._stop(why) if running and not self._past_flip and not self._settled else False

    def turn_back(self, why: UpdaterError) -> bool:
        """Rolls the rollout back if it is on trial. Returns False if it is not."""
        return self._stop(why) if self.rollout.on_trial and not self._settled else False

    async def step(self, step: Step) -> None:
        """Runs one step; journals its start before and its evidence after. Raises any failure as an UpdaterError."""
        clock, name = self.ports.clock, step.name
        self.raise_if_stopped()
        self._committed = self._committed or step.id == ROUTE_SWITCH
        await self.record(lambda r: r.begin(step.id, clock.now()))
        self.ports.publisher.event("step.started", rollout_id=self.rollout.id, step=name)
        started, away_before = clock.monotonic(), self.ports.engine.times_away
        try:
            evidence = await self._tried(step)
        except UpdaterError as error:
            cause = await self._cause(name, error, away_before)
            await self._failed(step, clock.monotonic() - started, cause)
            raise cause from error
        seconds = round(clock.monotonic() - started, 3)
        await self.record(lambda r: r.end(step.id, seconds, evidence))
        self.say(f"{name}: done in {seconds:.1f} s")
        self.ports.publisher.event(
            "step.completed", rollout_id=self.rollout.id, step=name, seconds=seconds, evidence=dict(evidence)
        )

    async def _tried(self, step: Step) -> Evidence:
        """Runs the step's action, and again after a transient failure if the step is `retried`."""
        retries = Retries(self.ports.clock, self.stack.times.retry if step.retried else 0.0)
        while True:
            try:
                async with self._limited(step.name, step.limit + await self._longer_grace(step)):
                    return await step.action(self)
            except UpdaterError as error:
                pause = retries.pause_after(error, self.rollout.release)
                if pause is None:
                    retries.count_in(error)
                    raise
                retry = Retry(
                    retries.attempt,
                    self.ports.clock.now() + timedelta(seconds=pause),
                    f"{error.summary}: {error.transient}",
                )
            await self._wait_to_retry(step, retry, pause)

    async def _wait_to_retry(self, step: Step, retry: Retry, pause: float) -> None:
        self.say(f"{step.name}: {retry.error}. Nothing live was touched. Attempt {retry.attempt} in {pause:.0f} s")
        await self.record(lambda r: r.try_again(step.id, retry))
        about = {"attempt": retry.attempt, "at": retry.at.isoformat(), "error": retry.error}
        self.ports.publisher.event("step.retrying", rollout_id=self.rollout.id, step=step.name, **about)
        async with self._limited(step.name, pause):
            await self.ports.clock.sleep(pause)

    async def once(self, step: Step) -> None:
        """Runs one step, unless it was completed before an interruption."""
        if step.id not in self.rollout.completed:
            await self.step(step)

    async def attempt(self, step: Step) -> bool:
        """Runs a step whose failure does not affect traffic: records it as a warning and returns False."""
        try:
            await self.once(step)
        except StaleWorker:
            raise
        except UpdaterError as error:
            warning = messages.failure(step.name, error)
            await self.record(lambda r: r.warn(warning))
            return False
        return True

    def settle(self) -> None:
        """From here on nothing stops the rollout. Raises what was asked to stop it until now."""
        self.raise_if_stopped()
        self._settled = True

    def raise_if_stopped(self) -> None:
        """Raises what was asked to stop the rollout: Superseded, Cancelled, OperatorRollback."""
        if self._why is not None:
            raise self._why

    async def stopped_by(self, why: UpdaterError) -> None:
        """Journals an accepted call of an operator, so that it also counts after a restart.

        The history has it too, in case all copies of the state file are lost before the rollout's own end is kept.
        """
        release = self.rollout.release
        stopped = await self.ports.journal.update(
            lambda s: s.progress(s.rollout.stop(why)) if s.rollout else s, both=True
        )
        self.ports.publisher.status(stopped)
        if not self._kept:
            self.ports.publisher.stopping(release, decision(why, release.tag))

    async def undoing(self, why: UpdaterError) -> None:
        """Records that the rollback begins, and why. From here on nothing stops it.

        A call of an operator that was accepted until now is the reason, also if a step failed meanwhile.
        """
        self._settled, self._why = True, None
        where = self.rollout.failed_step or "between steps"

        def begin(rollout: Rollout) -> Rollout:
            cause = stop_of(rollout.stopping) if rollout.stopping else why
            return rollout.roll_back(cause, messages.failure(where, cause))

        await self.record(begin)

    async def finish(self, status: RolloutStatus, *, again: Release | None = None) -> Rollout:
        """Journals and publishes the final status. Queues `again`; without it, anything but a success pauses."""
        at = self.ports.clock.now()
        ended = self.rollout.finish(status, at)
        after = AfterEnd(ended, at, again, retry_of(ended, self.stack, at), pauses=self.pause_on_failure)
        before = self.ports.journal.state
        self._kept = True
        self.ports.publisher.keep(ended, after.state(before))  # after a crash, two records are better than none
        state = await self.ports.journal.update(after.state)
        self.ports.publisher.result(ended, state)
        if self.ports.tracing is not None:
            self.ports.tracing.ended(ended)
        if before.paused and not state.paused:
            self.ports.publisher.event("resumed")
        self.ports.publisher.status(state)
        return ended

    @property
    def _in_command(self) -> bool:
        """Whether a before_flip command runs: it may change things outside the stack, so it finishes first."""
        running = self.rollout.running
        return running is not None and running.kind is StepKind.BEFORE_FLIP

    @property
    def _past_flip(self) -> bool:
        return self._committed or self.rollout.past_flip

    def _stop(self, why: UpdaterError) -> bool:
        if self._why is None and self._scope is not None and not self._in_command:
            with contextlib.suppress(RuntimeError):  # the step's own limit has just ended it
                self._scope.reschedule(0)
        self._why = self._why or why
        return True

    async def _cause(self, name: str, error: UpdaterError, away_before: int) -> UpdaterError:
        """Interrupted if the engine was unavailable during the step, whatever the error: the release may be good.

        Past the flip, `error` stands: the containers with the traffic ended with the engine, so the rollout rolls back.
        """
        if self._past_flip or isinstance(error, StaleWorker):
            return error
        with contextlib.suppress(EngineFailed):
            await self.ports.engine.ready()
        if self._why is not None:  # it was stopped, maybe during the wait for the engine
            return self._why
        away = self.ports.engine.times_away > away_before
        return Interrupted(f"the Docker Engine was unavailable in {name}: {error}") if away else error

    async def _failed(self, step: Step, seconds: float, error: UpdaterError) -> None:
        name, message = step.name, messages.failure(step.name, error)
        self.say(message)
        await self.record(lambda r: r.fail(step.id, round(seconds, 3), str(error), error.evidence))
        self.ports.publisher.event("step.failed", rollout_id=self.rollout.id, step=name, error=message, code=error.code)

    async def _longer_grace(self, step: Step) -> float:
        """How many seconds longer the stops of the step may take than with `times/stop_grace`. Raises EngineFailed."""
        if not step.stops:
            return 0.0
        usual, engine = self.stack.times.stop_grace, self.ports.engine
        services = dict.fromkeys((*self.stack.moved_services(), *self.origin.moved_services()))
        names = dict.fromkeys([*(s.name for s in self.stack.singletons), *(f.name for f in self.stack.followers)])
        found = [i for service in services for i in await engine.find(service)]
        found += [i for name in names for i in await engine.named(name)]
        return step.stops * (max([usual, *(i.grace(usual) for i in found)]) - usual)

    @contextlib.asynccontextmanager
    async def _limited(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Raises StepTimedOut MARGIN_SECONDS after `seconds`, and what stops the rollout as soon as it does."""
        limit = seconds + MARGIN_SECONDS
        try:
            async with self.ports.clock.limit(limit) as self._scope:
                self.raise_if_stopped()  # while its begin was written, nothing could be ended
                yield
        except UpdaterError:
            raise
        except TimeoutError as late:
            raise self._why or StepTimedOut(f"{name} took longer than {limit:.0f} s") from late
        except Exception as bug:
            log.exception("a step failed with an unexpected error", step=name)
            raise InternalError(f"{type(bug).__name__}: {bug}") from bug
        finally:
            self._scope = None
