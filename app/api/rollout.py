"""A rollout: its final result, its whole record, and its entry in the history."""

from collections.abc import Iterable
from typing import Any, Self

from pydantic import Field

from app.api.model import ResponseModel, iso, time_in
from app.domain.errors import sentence_of
from app.domain.history import HistoryEntry
from app.domain.release import Release
from app.domain.rollout import Retry, Rollout, StepRecord
from app.domain.state import State

FINAL = frozenset({"success", "failed", "rolled_back", "superseded", "cancelled", "withdrawn"})
"""The statuses of a rollout that has ended."""


class Result(ResponseModel):
    """The final result of a rollout, or of a release without one.

    Such a release was `superseded`, `cancelled`, `withdrawn`, or refused as `failed`.
    """

    status: str = ""
    rollout_id: str = ""
    tag: str = ""
    previous_sha: str | None = None
    new_sha: str | None = None
    active_color: str | None = None
    target_color: str | None = None
    paused: bool = False
    pause_reason: str | None = None
    steps_completed: tuple[str, ...] = ()
    error: str | None = None
    reason_code: str | None = None
    warnings: tuple[str, ...] = ()
    duration_seconds: float = 0.0
    started_at: str | None = None
    completed_at: str | None = None
    evidence: dict[str, dict[str, Any]] = Field(default_factory=dict)
    trace_id: str | None = None

    @classmethod
    def of(cls, rollout: Rollout, state: State) -> Self:
        """The result of `rollout`, which has ended. `state` is the state after it."""
        return cls(
            status=rollout.status,
            rollout_id=rollout.id,
            tag=rollout.release.tag,
            previous_sha=rollout.previous.sha if rollout.previous else None,
            new_sha=rollout.sha,
            active_color=state.active_color,
            target_color=rollout.target,
            paused=state.paused,
            pause_reason=state.pause_reason,
            steps_completed=tuple(rollout.steps_completed),
            error=rollout.error,
            reason_code=rollout.reason_code,
            warnings=rollout.warnings,
            duration_seconds=rollout.duration_seconds,
            started_at=iso(rollout.started_at),
            completed_at=iso(rollout.completed_at),
            evidence=_evidence(rollout.steps),
            trace_id=rollout.trace_id,
        )

    @classmethod
    def of_entry(cls, entry: HistoryEntry) -> Self:
        """The result of a release that got no rollout. The caller adds the fields about the live release."""
        return cls(
            status=entry.result,
            rollout_id=entry.rollout_id,
            tag=entry.tag,
            error=sentence_of(entry.reason_code, entry.error),
            reason_code=entry.reason_code,
            completed_at=entry.timestamp,
        )

    @property
    def succeeded(self) -> bool:
        return self.status == "success"


class PreviousRelease(ResponseModel):
    tag: str = ""
    sha: str = ""


class NextAttempt(ResponseModel):
    """Attempt number `attempt` of a step, which begins at `at`. The one before it failed with `error`."""

    attempt: int = 0
    at: str | None = None
    error: str = ""

    @classmethod
    def of(cls, retry: Retry) -> Self:
        return cls(attempt=retry.attempt, at=iso(retry.at), error=retry.error)


class RecordedStep(ResponseModel):
    """`seconds` is None while the step runs; `error` says why it failed. `retry`: None for its first attempt."""

    name: str = ""
    started_at: str | None = None
    seconds: float | None = None
    evidence: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None
    retry: NextAttempt | None = None

    @classmethod
    def of(cls, step: StepRecord) -> Self:
        return cls(
            name=step.name,
            started_at=iso(step.started_at),
            seconds=step.seconds,
            evidence=dict(step.evidence),
            error=step.error,
            retry=NextAttempt.of(step.retry) if step.retry else None,
        )


class Record(ResponseModel):
    """The whole record of a waiting, running or ended rollout. `steps` are in the order in which they started.

    `by`: the caller that asked for the release. `trace_id`: of its trace; None if it is not traced. The
    record of an ended rollout also has the fields of its Result.
    """

    rollout_id: str = ""
    tag: str = ""
    version: str | None = None
    trigger: str | None = None
    by: str | None = None
    status: str = ""
    sha: str | None = None
    origin: str | None = None
    target: str | None = None
    previous: PreviousRelease | None = None
    accepted_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    reason_code: str | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    steps: tuple[RecordedStep, ...] = ()
    trace_id: str | None = None

    @classmethod
    def of(cls, rollout: Rollout) -> Self:
        previous = rollout.previous
        return cls(
            rollout_id=rollout.id,
            tag=rollout.release.tag,
            version=rollout.release.shown_version,
            trigger=rollout.release.trigger,
            by=rollout.release.by,
            status=rollout.status,
            sha=rollout.sha,
            origin=rollout.origin,
            target=rollout.target,
            previous=PreviousRelease(tag=previous.tag, sha=previous.sha) if previous else None,
            accepted_at=iso(rollout.release.accepted_at),
            started_at=iso(rollout.started_at),
            completed_at=iso(rollout.completed_at),
            reason_code=rollout.reason_code,
            error=rollout.error,
            warnings=rollout.warnings,
            steps=tuple(RecordedStep.of(step) for step in rollout.steps),
            trace_id=rollout.trace_id,
        )

    @classmethod
    def queued(cls, release: Release) -> Self:
        """The record of a rollout that has not started."""
        return cls(
            rollout_id=release.rollout_id,
            tag=release.tag,
            version=release.shown_version,
            trigger=release.trigger,
            by=release.by,
            status="queued",
            accepted_at=iso(release.accepted_at),
        )

    def result(self) -> Result | None:
        """The final result, from the fields that the record has; None until the rollout has ended."""
        if self.status not in FINAL:
            return None
        known = {
            "new_sha": self.sha,
            "previous_sha": self.previous.sha if self.previous else None,
            "active_color": self.target if self.status == "success" else self.origin,
            "steps_completed": [s.name for s in self.steps if s.seconds is not None and s.error is None],
            "duration_seconds": _seconds(self.started_at, self.completed_at),
            "evidence": _evidence(self.steps),
        }
        return Result.model_validate({**known, **self.as_received()})


def _evidence(steps: Iterable[StepRecord | RecordedStep]) -> dict[str, dict[str, Any]]:
    return {step.name: {"seconds": step.seconds, **step.evidence} for step in steps}


def _seconds(start: str | None, end: str | None) -> float:
    began, ended = time_in(start), time_in(end)
    return round((ended - began).total_seconds(), 3) if began and ended else 0.0


class Usual(ResponseModel):
    """Medians over the last rollouts that went live, in seconds. `steps`: by name. `rollouts`: how many there are.

    `seconds`: of a whole rollout; None if none has succeeded.
    """

    rollouts: int = 0
    seconds: float | None = None
    steps: dict[str, float] = Field(default_factory=dict)


class History(ResponseModel):
    """`entries` are newest first."""

    entries: tuple[HistoryEntry, ...] = ()
