"""The state of the followed rollout. Each update returns a new value."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.api.rollout import NextAttempt, PreviousRelease, Record, Result
from app.api.status import Live, RolloutProgress, Status
from app.cli.views.text import instant, plain
from app.domain.public_page import page_of

Json = dict[str, Any]


class Phase(StrEnum):
    QUEUED = "queued"
    HELD = "held"
    RUNNING = "running"
    ROLLING_BACK = "rolling back"
    ENDED = "ended"


@dataclass(frozen=True)
class StepSeen:
    """`seconds` is None until the step has ended; `error` says why it failed. `retry`: None for its first attempt."""

    name: str
    seconds: float | None = None
    error: str | None = None
    retry: NextAttempt | None = None


@dataclass(frozen=True)
class FollowedRollout:
    """The rollout `rollout_id`. `before`: the release that was live before it.

    `forced`: a pause does not hold the rollout. `waits_for`: why it has not started. `known` is False if the status
    shows neither a running rollout nor this tag among those that wait. `page`: the URL of its page, if the stack
    file has a `public_url`. `result`: its final result.
    """

    rollout_id: str
    tag: str = ""
    forced: bool = False
    phase: Phase = Phase.QUEUED
    waits_for: str = ""
    step: str = ""
    percent: int = 0
    eta_seconds: float | None = None
    started_at: datetime | None = None
    before: Live | PreviousRelease | None = None
    steps: tuple[StepSeen, ...] = ()
    last_line: str = ""
    worker_alive: bool = True
    known: bool = True
    page: str | None = None
    result: Result | None = None

    @property
    def ended(self) -> bool:
        return self.phase is Phase.ENDED

    def elapsed(self, now: datetime) -> float:
        """Seconds since the start. Never negative, although the two clocks may differ."""
        return max(0.0, (now - self.started_at).total_seconds()) if self.started_at else 0.0

    def see_status(self, status: Status) -> "FollowedRollout":
        page = page_of(status.public_url, self.rollout_id)
        seen = replace(self, worker_alive=status.worker_alive, page=page)
        running, last = status.rollout, status.last_result
        if running and running.id == self.rollout_id:
            return seen._running(running, status.current)
        if last and last.rollout_id == self.rollout_id:
            return seen.end(last)
        waiting = self.tag in [*status.queued, *status.held]
        seen = replace(seen, known=running is not None or waiting)
        if self.ended or self.phase in {Phase.RUNNING, Phase.ROLLING_BACK}:
            return seen
        return seen._waiting(status)

    def see_record(self, record: Record) -> "FollowedRollout":
        """Adds the record of a running or ended rollout."""
        seen = replace(self, tag=self.tag or record.tag, before=self.before or record.previous)
        for step in record.steps:
            seen = seen._step(StepSeen(step.name, step.seconds, step.error, step.retry))
        result = record.result()
        return seen.end(result) if result else seen

    def see_event(self, kind: str, data: Json) -> "FollowedRollout":
        """Adds an event from GET /update/events. Ignores the events of other rollouts."""
        if data.get("rollout_id") != self.rollout_id or self.ended:
            return self
        name = str(data.get("step") or "")
        if kind == "step.started":
            return self._step(StepSeen(name))
        if kind == "step.retrying":
            return self._step(StepSeen(name, retry=_next_attempt(data)))
        if kind == "step.completed":
            return self._step(StepSeen(name, float(data.get("seconds") or 0)))
        if kind == "step.failed":
            return self._step(StepSeen(name, error=str(data.get("error") or "no reason given")))
        return self

    def see_line(self, line: str) -> "FollowedRollout":
        """Adds a line of the rollout's log."""
        shown = plain(line).strip()
        return replace(self, last_line=shown) if shown else self

    def end(self, result: Result) -> "FollowedRollout":
        """Adds the final result. Fields of a result that is already known win; the new one adds missing fields."""
        whole = Result.model_validate(result.as_received() | (self.result.as_received() if self.result else {}))
        began = instant(result.started_at) or self.started_at
        ended = replace(self, phase=Phase.ENDED, result=whole, tag=self.tag or result.tag, started_at=began)
        return replace(ended, percent=100, eta_seconds=None, step="")

    def _running(self, running: RolloutProgress, current: Live | None) -> "FollowedRollout":
        back = running.status == "rolling_back"
        return replace(
            self,
            phase=Phase.ROLLING_BACK if back else Phase.RUNNING,
            known=True,
            waits_for="",
            tag=running.tag or self.tag,
            step=running.step or self.step,
            percent=running.percent,
            eta_seconds=running.eta_seconds,
            started_at=instant(running.started_at) or self.started_at,
            before=self.before or current,
        )

    def _waiting(self, status: Status) -> "FollowedRollout":
        if status.paused and not self.forced and self.tag in status.held:
            return replace(self, phase=Phase.HELD, waits_for=status.pause_reason or "the updater is paused")
        waits_for = f"{status.rollout.tag} to end" if status.rollout else "the worker"
        return replace(self, phase=Phase.QUEUED, waits_for=waits_for, before=self.before or status.current)

    def _step(self, new: StepSeen) -> "FollowedRollout":
        known = next((s for s in self.steps if s.name == new.name), None)
        if known is None:
            phase = self.phase if self.phase in {Phase.ROLLING_BACK, Phase.ENDED} else Phase.RUNNING
            return replace(self, steps=(*self.steps, new), step=new.name, phase=phase)
        if known.seconds is not None or known.error is not None:
            return self
        return replace(self, steps=tuple(new if s.name == new.name else s for s in self.steps))


def _next_attempt(data: Json) -> NextAttempt:
    return NextAttempt.model_validate({key: data[key] for key in NextAttempt.model_fields if key in data})
