"""A rollout as a trace: one span for the attempt, and below it one for each step. Pure.

Everything comes from the rollout's record, which the journal keeps. So a rollout that another worker continues is one
trace, and what a killed worker did is in it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.domain.rollout import Rollout, StepRecord

Value = str | bool | int | float | tuple[str, ...]

TRACE_DIGITS, SPAN_DIGITS = 32, 16
"""https://www.w3.org/TR/trace-context/#trace-id"""


@dataclass(frozen=True)
class Span:
    """One span. `id`: 16 hexadecimal digits. `error`: why it failed; None if it did not."""

    id: str
    name: str
    started_at: datetime
    ended_at: datetime
    attributes: Mapping[str, Value]
    error: str | None = None


@dataclass(frozen=True)
class Trace:
    """The spans of one attempt. `id`: 32 hexadecimal digits. Every span of `steps` is a child of `rollout`."""

    id: str
    rollout: Span
    steps: tuple[Span, ...]


def trace_id_of(rollout_id: str) -> str:
    """The id of the rollout's trace. A rollout that was interrupted and begins again has the same one."""
    return _digest(f"rollout {rollout_id}", TRACE_DIGITS)


def trace_of(rollout: Rollout) -> Trace | None:
    """The trace of a rollout that has ended; None if it is not traced."""
    if rollout.trace_id is None or rollout.completed_at is None:
        return None
    steps = tuple(_steps(rollout, rollout.completed_at))
    ended = max([rollout.started_at, rollout.completed_at, *(step.ended_at for step in steps)])
    text = rollout.error if rollout.reason_code is not None else None
    span_id = _span_id(rollout, "rollout")
    root = Span(span_id, "rollout", rollout.started_at, ended, _attributes(_facts(rollout)), text)
    return Trace(rollout.trace_id, root, steps)


def _steps(rollout: Rollout, end: datetime) -> Iterator[Span]:
    """The spans of the steps. One that was interrupted ends when the next one begins."""
    begun = [*(step.started_at for step in rollout.steps[1:]), end]
    for n, (step, until) in enumerate(zip(rollout.steps, begun, strict=False)):
        took = timedelta(seconds=step.seconds) if step.seconds is not None else until - step.started_at
        ended = max(step.started_at, step.started_at + took)  # the clock may have been set back
        attributes = _attributes(_step_facts(step))
        yield Span(_span_id(rollout, f"step {n}"), step.name, step.started_at, ended, attributes, step.error)


def _facts(rollout: Rollout) -> dict[str, Any]:
    release, before = rollout.release, rollout.previous
    return {
        "rollout_id": rollout.id,
        "tag": release.tag,
        "commit": rollout.sha,
        "trigger": str(release.trigger),
        "attempt": release.attempts + 1,
        "color": str(rollout.target),
        "color_before": rollout.origin and str(rollout.origin),
        "tag_before": before and before.tag,
        "result": str(rollout.status),
        "reason_code": rollout.reason_code,
        "fault": rollout.fault and str(rollout.fault),
        "resumed": rollout.resumed,
        "warnings": list(rollout.warnings),
    }


def _step_facts(step: StepRecord) -> dict[str, Any]:
    evidence = {f"evidence.{name}": value for name, value in step.evidence.items()}
    retried = step.retry.attempt if step.retry else None
    interrupted = True if step.seconds is None else None
    kind, subject = str(step.id.kind), step.id.subject or None
    return {"step": kind, "subject": subject, "attempt": retried, "interrupted": interrupted, **evidence}


def _attributes(facts: Mapping[str, Any]) -> dict[str, Value]:
    return {f"updater.{name}": _value(value) for name, value in facts.items() if value is not None}


def _value(value: Any) -> Value:
    """As OpenTelemetry takes it; a mapping, and a list of other things than text, as JSON."""
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(value)
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def _span_id(rollout: Rollout, what: str) -> str:
    return _digest(f"{rollout.id} {rollout.started_at.isoformat()} {what}", SPAN_DIGITS)


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(f"zetherion-updater {text}".encode()).hexdigest()[:digits]
