"""What is known of the followed rollout. Pure: each update returns a new value."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.cli.views.text import instant, plain

FINAL = frozenset({"success", "failed", "rolled_back", "superseded", "cancelled"})

Json = dict[str, Any]


class Phase(StrEnum):
    """Where it stands."""

    QUEUED = "queued"
    HELD = "held"
    RUNNING = "running"
    ROLLING_BACK = "rolling back"
    ENDED = "ended"


@dataclass(frozen=True)
class StepSeen:
    """`seconds` is None while it runs; `error` is why it ended without its evidence."""

    name: str
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class FollowedRollout:
    """The rollout `rollout_id`. `before` and `after` are `tag` and `sha` of what was live and what is.

    `forced`: it starts while the updater is paused, so that a pause does not hold it. `waits_for` is why it has not
    begun. `known`: the updater still speaks of it. `result` is its final result.
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
    before: Mapping[str, Any] | None = None
    steps: tuple[StepSeen, ...] = ()
    last_line: str = ""
    worker_alive: bool = True
    known: bool = True
    result: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        return self.phase is Phase.ENDED

    def elapsed(self, now: datetime) -> float:
        """Seconds since it began, never less than none: the two clocks may differ."""
        return max(0.0, (now - self.started_at).total_seconds()) if self.started_at else 0.0

    def see_status(self, status: Json) -> "FollowedRollout":
        """From GET /status."""
        seen = replace(self, worker_alive=status.get("worker_alive", True) is not False)
        running, last = status.get("rollout") or {}, status.get("last_result") or {}
        if running.get("id") == self.rollout_id:
            return seen._running(running, status.get("current"))
        if last.get("rollout_id") == self.rollout_id:
            return seen.end(last)
        waiting = self.tag in [*(status.get("queued") or ()), *(status.get("held") or ())]
        seen = replace(seen, known=bool(running) or waiting)
        if self.ended or self.phase in {Phase.RUNNING, Phase.ROLLING_BACK}:
            return seen
        return seen._waiting(status, running.get("tag"))

    def see_record(self, record: Json) -> "FollowedRollout":
        """From GET /update/rollouts/{id}, of a rollout that runs or has ended."""
        steps = record.get("steps") or []
        seen = replace(self, tag=self.tag or record.get("tag") or "", before=self.before or record.get("previous"))
        for step in steps:
            seen = seen._step(StepSeen(step["name"], step.get("seconds"), step.get("error")))
        return seen.end(_as_result(record)) if outcome(record) in FINAL else seen

    def see_event(self, kind: str, data: Json) -> "FollowedRollout":
        """From GET /update/events; other rollouts' events change nothing."""
        if data.get("rollout_id") != self.rollout_id or self.ended:
            return self
        name = str(data.get("step") or "")
        if kind == "step.started":
            return self._step(StepSeen(name))
        if kind == "step.completed":
            return self._step(StepSeen(name, float(data.get("seconds") or 0)))
        if kind == "step.failed":
            return self._step(StepSeen(name, error=str(data.get("error") or "it failed")))
        return self

    def see_line(self, line: str) -> "FollowedRollout":
        """From the rollout's log."""
        shown = plain(line).strip()
        return replace(self, last_line=shown) if shown else self

    def end(self, result: Json) -> "FollowedRollout":
        """The final result is known."""
        began = instant(result.get("started_at")) or self.started_at
        tag = self.tag or result.get("tag") or ""
        whole = {**result, **(self.result or {})}
        ended = replace(self, phase=Phase.ENDED, result=whole, tag=tag, started_at=began)
        return replace(ended, percent=100, eta_seconds=None, step="")

    def _running(self, running: Json, current: Json | None) -> "FollowedRollout":
        back = running.get("status") == "rolling_back"
        return replace(
            self,
            phase=Phase.ROLLING_BACK if back else Phase.RUNNING,
            known=True,
            waits_for="",
            tag=running.get("tag") or self.tag,
            step=running.get("step") or self.step,
            percent=int(running.get("percent") or 0),
            eta_seconds=running.get("eta_seconds"),
            started_at=instant(running.get("started_at")) or self.started_at,
            before=self.before or current,
        )

    def _waiting(self, status: Json, other: str | None) -> "FollowedRollout":
        if status.get("paused") and not self.forced and self.tag in (status.get("held") or []):
            return replace(self, phase=Phase.HELD, waits_for=str(status.get("pause_reason") or "the updater is paused"))
        waits_for = f"{other} to end" if other else "the worker"
        return replace(self, phase=Phase.QUEUED, waits_for=waits_for, before=self.before or status.get("current"))

    def _step(self, new: StepSeen) -> "FollowedRollout":
        known = next((s for s in self.steps if s.name == new.name), None)
        if known is None:
            phase = self.phase if self.phase in {Phase.ROLLING_BACK, Phase.ENDED} else Phase.RUNNING
            return replace(self, steps=(*self.steps, new), step=new.name, phase=phase)
        if known.seconds is not None or known.error is not None:
            return self
        return replace(self, steps=tuple(new if s.name == new.name else s for s in self.steps))


def _as_result(record: Json) -> Json:
    """A record in the words of a final result, where it has not got them."""
    steps = record.get("steps") or []
    success = outcome(record) == "success"
    began, ended = instant(record.get("started_at")), instant(record.get("completed_at"))
    told = {
        "duration_seconds": round((ended - began).total_seconds(), 3) if began and ended else None,
        "steps_completed": [s["name"] for s in steps if s.get("seconds") is not None and not s.get("error")],
        "evidence": {s["name"]: {"seconds": s.get("seconds"), **(s.get("evidence") or {})} for s in steps},
        "active_color": record.get("target") if success else record.get("origin"),
        "new_sha": record.get("sha"),
        "previous_sha": (record.get("previous") or {}).get("sha"),
    }
    return {**{key: value for key, value in told.items() if value}, **record, "status": outcome(record)}


def outcome(record: Mapping[str, Any]) -> str:
    """The status of a record or of a final result; a release that never began has only a `result`."""
    return str(record.get("status") or record.get("result") or "")
