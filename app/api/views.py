"""The status, the final result and the history entry as plain JSON values."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.domain import messages
from app.domain.decision import HeldRelease
from app.domain.errors import UpdaterError
from app.domain.release import Release
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.state import State
from app.domain.step import StepId

_RESULT = {RolloutStatus.ROLLING_BACK: "rolling_back", RolloutStatus.RUNNING: "updating"}


def status_view(
    state: State,
    steps: Sequence[StepId],
    durations: dict[str, float] | None = None,
    *,
    held: Sequence[HeldRelease] = (),
) -> dict[str, Any]:
    """The fields of `GET /status` that the worker knows.

    `steps` are those of a whole rollout; `durations` the seconds that each took in the last success,
    from which `eta_seconds` is told (None without one). `held` is what waits for something else than a rollout's end.
    """
    rollout = state.rollout
    holds = {h.release.key: h for h in held}
    return {
        "state": _RESULT[rollout.status] if rollout and rollout.status in _RESULT else "idle",
        "current_operation": _operation(rollout),
        "active_color": state.active_color,
        "paused": state.paused,
        "pause_reason": state.pause_reason,
        "last_checked_at": _iso(state.last_checked_at),
        "looked_at": _iso(state.looked_at),
        "last_attempted_tag": state.last_attempted_tag,
        "last_good_tag": state.last_good_tag,
        "current": _live_view(state),
        "rollout": _progress(rollout, steps, durations or {}) if rollout else None,
        "queued": [r.tag for r in state.accepted if r.key not in holds],
        "held": [h.release.tag for h in holds.values()],
        "held_for": [held_view(h) for h in holds.values()],
    }


def held_view(held: HeldRelease) -> dict[str, Any]:
    """Why a release waits: `reason` is a stable word, `text` a sentence with what to do."""
    return {
        "tag": held.release.tag,
        "rollout_id": held.release.rollout_id,
        "reason": held.why,
        "until": _iso(held.until),
        "text": messages.held(held),
    }


def result_view(rollout: Rollout, state: State) -> dict[str, Any]:
    """The final result of a rollout."""
    assert rollout.completed_at is not None  # noqa: S101 - a rollout without an end has no result
    return {
        "status": rollout.status,
        "rollout_id": rollout.id,
        "tag": rollout.release.tag,
        "previous_sha": rollout.previous.sha if rollout.previous else None,
        "new_sha": rollout.sha,
        "active_color": state.active_color,
        "target_color": rollout.target,
        "paused": state.paused,
        "pause_reason": state.pause_reason,
        "steps_completed": rollout.steps_completed,
        "error": rollout.error,
        "reason_code": rollout.reason_code,
        "warnings": list(rollout.warnings),
        "duration_seconds": _duration(rollout, rollout.completed_at),
        "started_at": _iso(rollout.started_at),
        "completed_at": _iso(rollout.completed_at),
        "evidence": {s.name: {"seconds": s.seconds, **s.evidence} for s in rollout.steps},
    }


def history_entry(result: dict[str, Any], release: Release) -> dict[str, Any]:
    """One entry of `GET /update/history` for the final result of the rollout of `release`."""
    return {
        "key": release.key,
        "tag": result["tag"],
        "version": release.version or result["tag"].removeprefix("v"),
        "result": result["status"],
        "timestamp": result["completed_at"],
        "trigger": release.trigger,
        "rollout_id": result["rollout_id"],
        "reason_code": result["reason_code"],
        "error": result["error"],
        "duration_seconds": result["duration_seconds"],
        "sha": result["new_sha"],
    }


def rollout_view(rollout: Rollout) -> dict[str, Any]:
    """The whole record of a rollout, a running one too; `steps` in the order in which they were begun."""
    return {
        "rollout_id": rollout.id,
        "tag": rollout.release.tag,
        "version": rollout.release.version or rollout.release.tag.removeprefix("v"),
        "trigger": rollout.release.trigger,
        "status": rollout.status,
        "sha": rollout.sha,
        "origin": rollout.origin,
        "target": rollout.target,
        "previous": {"tag": rollout.previous.tag, "sha": rollout.previous.sha} if rollout.previous else None,
        "started_at": _iso(rollout.started_at),
        "completed_at": _iso(rollout.completed_at),
        "reason_code": rollout.reason_code,
        "error": rollout.error,
        "warnings": list(rollout.warnings),
        "steps": [
            {
                "name": step.name,
                "started_at": _iso(step.started_at),
                "seconds": step.seconds,
                "evidence": dict(step.evidence),
                "error": step.error,
            }
            for step in rollout.steps
        ],
    }


def queued_view(release: Release) -> dict[str, Any]:
    """The record of a rollout that has not begun."""
    return {
        "rollout_id": release.rollout_id,
        "tag": release.tag,
        "version": release.version or release.tag.removeprefix("v"),
        "trigger": release.trigger,
        "status": "queued",
        "accepted_at": _iso(release.accepted_at),
        "steps": [],
    }


def decision_entry(release: Release, why: UpdaterError, at: datetime) -> dict[str, Any]:
    """One entry of the history for a release that never got a rollout: its result is `superseded` or `cancelled`."""
    return {
        "tag": release.tag,
        "version": release.version or release.tag.removeprefix("v"),
        "result": why.code,
        "timestamp": at.isoformat(),
        "trigger": release.trigger,
        "rollout_id": release.rollout_id,
        "key": release.key,
        "reason_code": why.code,
        "error": why.detail,
        "duration_seconds": 0.0,
        "sha": None,
    }


def _operation(rollout: Rollout | None) -> str | None:
    return f"{rollout.release.tag}: {rollout.running_step or 'between steps'}" if rollout else None


def _live_view(state: State) -> dict[str, Any] | None:
    live = state.current
    if live is None:
        return None
    return {
        "tag": live.tag,
        "sha": live.sha,
        "rollout_id": live.rollout_id,
        "since": _iso(live.since),
        "adopted": live.adopted,
    }


def _progress(rollout: Rollout, steps: Sequence[StepId], durations: dict[str, float]) -> dict[str, Any]:
    done = set(rollout.completed) & set(steps)
    left = [durations[step.name] for step in steps if step not in done and step.name in durations]
    return {
        "id": rollout.id,
        "tag": rollout.release.tag,
        "status": rollout.status,
        "step": rollout.running_step,
        "percent": round(100 * len(done) / len(steps)),
        "started_at": _iso(rollout.started_at),
        "eta_seconds": round(sum(left), 1) if durations else None,
    }


def _duration(rollout: Rollout, end: datetime) -> float:
    """Seconds; where the clock was set back meanwhile, what the steps took, which no clock's setting changes."""
    steps = sum(step.seconds or 0.0 for step in rollout.steps)
    return round(max((end - rollout.started_at).total_seconds(), steps), 3)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
