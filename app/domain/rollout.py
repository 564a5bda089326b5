"""One attempt to make a release live: its steps, evidence and final status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.errors import (
    Cancelled,
    ChecksRefused,
    Fault,
    InternalError,
    PolicyRefused,
    SignatureRefused,
    Superseded,
    UpdaterError,
    Withdrawn,
)
from app.domain.release import LiveRelease, Release
from app.domain.stack import Color
from app.domain.step import BAKE, ROUTE_SWITCH, StepId, StepKind

_BACK = "-back"

_GAVE_WAY = {Superseded.code, Cancelled.code, Withdrawn.code}
_REFUSED = {SignatureRefused.code, PolicyRefused.code, ChecksRefused.code}


def route_id_back(rollout: str) -> str:
    """The id that answers carry after `rollout` was undone: the route leads to the color before it again."""
    return rollout + _BACK


def undone_rollout(route_id: str | None) -> str | None:
    """The rollout that was undone to give the route this id; None if none was."""
    return route_id.removesuffix(_BACK) if route_id and route_id.endswith(_BACK) else None


class RolloutStatus(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    ROLLING_BACK = "rolling_back"
    SUCCESS = "success"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Retry:
    """The next attempt of a step: its number, when it begins, and why the one before it failed."""

    attempt: int
    at: datetime
    error: str


@dataclass(frozen=True)
class StepRecord:
    """The record of one step: `seconds` is None while it runs; `error` is why it failed.

    `retry`: it failed for a transient reason, and waits for its next attempt or has begun it.
    """

    id: StepId
    started_at: datetime
    seconds: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    retry: Retry | None = None

    @property
    def name(self) -> str:
        return self.id.name

    @property
    def completed(self) -> bool:
        return self.seconds is not None and self.error is None


@dataclass(frozen=True)
class Rollout:
    """The record of one attempt.

    `target` is the idle color that it makes live. `origin` is the color that was live, or None if nothing was.
    `previous` is the release that was live. `replaced` maps each singleton to the instance that was stopped for it, and
    `followed` each follower to its instances that were stopped; none: it is not recorded yet which. So of a singleton
    that the release before has as a follower.
    `resumed` counts how often it continued after an interruption past its flip. `one_way`: the release declares that
    it cannot be rolled back. `stays`: it failed past its flip and keeps the traffic because it is `one_way`.
    `stopping` is the code of an operator's call that was accepted, or of a withdrawal, and stops it. `copies`: how many
    containers of each routed service it started. `trace_id`: the id of its trace; None if it is not traced.
    `reason_code`, `error` and `fault` say why it did not end in `success`. `warnings` are problems that did not
    affect traffic.
    """

    release: Release
    target: Color
    origin: Color | None
    previous: LiveRelease | None
    started_at: datetime
    status: RolloutStatus = RolloutStatus.RUNNING
    sha: str | None = None
    steps: tuple[StepRecord, ...] = ()
    replaced: Mapping[str, str] = field(default_factory=dict)
    followed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reason_code: str | None = None
    error: str | None = None
    fault: Fault | None = None
    warnings: tuple[str, ...] = ()
    completed_at: datetime | None = None
    resumed: int = 0
    one_way: bool = False
    stays: bool = False
    stopping: str | None = None
    copies: Mapping[str, int] = field(default_factory=dict)
    trace_id: str | None = None

    @property
    def id(self) -> str:
        return self.release.rollout_id

    @property
    def running(self) -> StepId | None:
        return next((s.id for s in reversed(self.steps) if s.seconds is None), None)

    @property
    def retry(self) -> Retry | None:
        """The attempt that the running step waits for or has begun; None for its first one."""
        return next((s.retry for s in reversed(self.steps) if s.seconds is None), None)

    @property
    def running_step(self) -> str | None:
        """The name of the running step."""
        return self.running.name if self.running else None

    @property
    def failed_step(self) -> str | None:
        """The name of the first step that failed. Later failures are consequences."""
        return next((s.name for s in self.steps if s.error is not None), None)

    @property
    def completed(self) -> list[StepId]:
        return [s.id for s in self.steps if s.completed]

    @property
    def steps_completed(self) -> list[str]:
        """The names of the completed steps, for people and for the API."""
        return [step.name for step in self.completed]

    @property
    def duration_seconds(self) -> float:
        """0 while it runs. If the clock was set back: the sum of its steps, which no clock setting changes."""
        if self.completed_at is None:
            return 0.0
        steps = sum(step.seconds or 0.0 for step in self.steps)
        return round(max((self.completed_at - self.started_at).total_seconds(), steps), 3)

    @property
    def past_flip(self) -> bool:
        """Whether the route may have moved: true as soon as the route switch has begun."""
        return any(s.id == ROUTE_SWITCH for s in self.steps)

    @property
    def on_trial(self) -> bool:
        """From the flip until the end of the bake: it has the traffic, and the old color still runs."""
        return self.status is RolloutStatus.RUNNING and self.past_flip and BAKE not in self.completed

    @property
    def pauses(self) -> bool:
        """Whether it pauses rollouts when it ends.

        A release that the policy refuses does not pause: otherwise anyone who can push a tag could block all releases.
        """
        return self.reason_code is not None and self.reason_code not in _GAVE_WAY | _REFUSED

    @property
    def may_pass_later(self) -> bool:
        """Whether the machine or the network made it fail before its flip, so that the same release may succeed."""
        theirs = self.fault is Fault.MACHINE and self.reason_code != InternalError.code
        return self.status is RolloutStatus.FAILED and theirs and not self.past_flip and self.release.recall is None

    @property
    def gave_way(self) -> bool:
        """Whether a newer release, an operator or the release's author ended it, so that there is nothing to fix."""
        return self.reason_code in _GAVE_WAY

    @property
    def commands_begun(self) -> list[str]:
        """The steps that may have changed something outside the stack, which a rollback does not undo."""
        ran = (s for s in self.steps if s.id.kind is StepKind.BEFORE_FLIP and "skipped" not in s.evidence)
        return [s.name for s in ran]

    @property
    def flipped(self) -> bool:
        """Whether the route was confirmed on the new color."""
        return ROUTE_SWITCH in self.completed

    def evidence(self, step: StepId) -> Mapping[str, Any]:
        """The evidence of `step`; empty if it did not end. Of a failed step: what it found until then, if anything."""
        return next((s.evidence for s in reversed(self.steps) if s.id == step), {})

    def resolved(self, sha: str) -> "Rollout":
        return replace(self, sha=sha)

    def started(self, service: str, copies: int) -> "Rollout":
        return replace(self, copies={**self.copies, service: copies})

    def declared(self, *, one_way: bool) -> "Rollout":
        return replace(self, one_way=one_way)

    def stay(self) -> "Rollout":
        return replace(self, stays=True)

    def begin(self, step: StepId, at: datetime) -> "Rollout":
        """Of several attempts in a row, only the first and the last are kept."""
        retried = [record.id for record in self.steps[-2:]] == [step] * 2 and self.steps[-1].error is not None
        return replace(self, steps=(*(self.steps[:-1] if retried else self.steps), StepRecord(step, at)))

    def try_again(self, step: StepId, retry: Retry) -> "Rollout":
        return self._change(step, retry=retry)

    def end(self, step: StepId, seconds: float, evidence: Mapping[str, Any]) -> "Rollout":
        return self._change(step, seconds=seconds, evidence=evidence)

    def fail(self, step: StepId, seconds: float, error: str, evidence: Mapping[str, Any] | None = None) -> "Rollout":
        return self._change(step, seconds=seconds, error=error, evidence=evidence or {})

    def _change(self, step: StepId, **change: Any) -> "Rollout":
        return replace(
            self,
            steps=tuple(replace(s, **change) if s.id == step and s.seconds is None else s for s in self.steps),
        )

    def replacing(self, singleton: str, instance: str) -> "Rollout":
        return replace(self, replaced={**self.replaced, singleton: instance})

    def following(self, follower: str, instances: Sequence[str]) -> "Rollout":
        return replace(self, followed={**self.followed, follower: tuple(instances)})

    def resume(self) -> "Rollout":
        return replace(self, resumed=self.resumed + 1)

    def warn(self, warning: str) -> "Rollout":
        return self if warning in self.warnings else replace(self, warnings=(*self.warnings, warning))

    def stop(self, why: UpdaterError) -> "Rollout":
        """An operator's call that stops it was accepted: it counts also after a restart."""
        return self if self.reason_code is not None else replace(self, stopping=why.code)

    def roll_back(self, cause: UpdaterError, error: str) -> "Rollout":
        """Starts the rollback. Only the first cause is recorded: later failures are consequences."""
        if self.reason_code is not None:
            return self
        fault = Fault.MACHINE if cause.transient else cause.fault
        return replace(self, status=RolloutStatus.ROLLING_BACK, reason_code=cause.code, error=error, fault=fault)

    def finish(self, status: RolloutStatus, at: datetime) -> "Rollout":
        return replace(self, status=status, completed_at=at)
