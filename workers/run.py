"""One rollout in progress: its record is in the journal before each side effect."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import structlog

from app.domain import messages
from app.domain.errors import InternalError, StaleWorker, StepTimedOut, UpdaterError
from app.domain.rollout import Rollout, Status
from app.domain.stack import Color, Stack
from app.domain.state import State
from workers.ports import Definition, Ports

Evidence = Mapping[str, Any]
MARGIN_SECONDS = 15.0
"""How much longer than its own limit a step may take before it is ended from outside."""

log = structlog.get_logger()


class Run:
    """The stack, the ports and the rollout's record; what the steps share."""

    def __init__(self, stack: Stack, ports: Ports, *, pause_on_failure: bool = True) -> None:
        self.stack = stack
        self.ports = ports
        self.pause_on_failure = pause_on_failure
        self.definition: Definition | None = None
        self.flipped_at: float | None = None
        self.failed: UpdaterError | None = None

    @property
    def rollout(self) -> Rollout:
        rollout = self.ports.journal.state.rollout
        if rollout is None:
            raise InternalError("a step ran without a rollout")
        return rollout

    @property
    def target(self) -> Color:
        return self.rollout.target

    def service(self, name: str) -> str:
        """The idle color's Compose service of the routed service `name`."""
        return next(s.colors[self.target] for s in self.stack.routed if s.name == name)

    def say(self, line: str) -> None:
        """One line of the rollout's log."""
        self.ports.chronicle.line(self.rollout.id, line)

    async def record(self, change: Callable[[Rollout], Rollout]) -> None:
        await self.update(lambda state: state.progress(change(self.rollout)))

    async def update(self, change: Callable[[State], State]) -> None:
        self.ports.chronicle.status(await self.ports.journal.update(change))

    async def step(self, name: str, action: Callable[..., Awaitable[Evidence]], *args: Any) -> None:
        """Runs one step: journaled before, its evidence after. Raises what it raises, as an UpdaterError."""
        clock = self.ports.clock
        await self.record(lambda r: r.begin(name, clock.now()))
        self.ports.chronicle.event("step.started", rollout_id=self.rollout.id, step=name)
        started = clock.monotonic()
        try:
            async with self._limited(name):
                evidence = await action(self, *args)
        except UpdaterError as error:
            await self._failed(name, clock.monotonic() - started, error)
            raise
        seconds = round(clock.monotonic() - started, 3)
        await self.record(lambda r: r.end(name, seconds, evidence))
        self.say(f"{name}: done in {seconds:.1f} s")
        self.ports.chronicle.event(
            "step.completed", rollout_id=self.rollout.id, step=name, seconds=seconds, evidence=dict(evidence)
        )

    async def attempt(self, name: str, action: Callable[..., Awaitable[Evidence]], *args: Any) -> bool:
        """Runs a step whose failure changes nothing for the traffic: it becomes a warning."""
        try:
            await self.step(name, action, *args)
        except StaleWorker:
            raise
        except UpdaterError as error:
            warning = messages.failure(name, error)
            await self.record(lambda r: r.warn(warning))
            return False
        return True

    async def finish(self, status: Status) -> Rollout:
        """The one final status, journaled and told; anything but a success pauses."""
        at = self.ports.clock.now()
        ended = self.rollout.finish(status, at)
        state = await self.ports.journal.update(lambda s: self._paused(s.finish(ended, at), ended))
        self.ports.chronicle.result(ended, state)
        self.ports.chronicle.status(state)
        return ended

    def _paused(self, state: State, ended: Rollout) -> State:
        if self.failed is None or not self.pause_on_failure:
            return state
        return state.pause(messages.pause_reason(ended, self.failed.fault))

    async def _failed(self, name: str, seconds: float, error: UpdaterError) -> None:
        said = messages.failure(name, error)
        self.say(said)
        await self.record(lambda r: r.fail(name, round(seconds, 3), str(error)))
        self.ports.chronicle.event("step.failed", rollout_id=self.rollout.id, step=name, error=said, code=error.code)

    @contextlib.asynccontextmanager
    async def _limited(self, name: str) -> AsyncIterator[None]:
        limit = step_limit(self.stack, name)
        try:
            async with self.ports.clock.limit(limit):
                yield
        except UpdaterError:
            raise
        except TimeoutError as late:
            raise StepTimedOut(f"{name} took longer than {limit:.0f} s") from late
        except Exception as bug:
            log.exception("a step failed in a way that has no name", step=name)
            raise InternalError(f"{type(bug).__name__}: {bug}") from bug


def step_limit(stack: Stack, name: str) -> float:
    """How long step `name` may take, in seconds: what it waits for itself, and MARGIN_SECONDS."""
    times = stack.times
    stop = times.stop_grace + MARGIN_SECONDS
    exact = {
        "git_fetch_tags": times.fetch,
        "git_checkout_tag": times.fetch,
        "docker_build": times.build,
        "route_switch": times.route,
        "rollback_route": times.route,
        "bake": times.bake,
        "stop_old_color": times.drain + stop,
        "rollback_stop": times.drain + stop,
        "discard": stop,
        "prune": times.start,
    }
    by_kind = (
        ("start_", times.start),
        ("health_routed_", times.route),
        ("health_", times.health),
        ("restart_", times.start + stop + times.ready),
        ("rollback_", stop + times.ready),
    )
    kind = next((limit for prefix, limit in by_kind if name.startswith(prefix)), MARGIN_SECONDS)
    return exact.get(name, kind) + MARGIN_SECONDS
