"""Notifications: one short message for each event. Pure functions from the event to the text."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.errors import UpdaterError
from app.domain.notices import messages
from app.domain.release import Release, Trigger
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.state import State
from app.domain.step import BAKE, ROLLBACK_ROUTE, ROUTE_SWITCH, StepKind

PAUSED = "paused:"
"""Prefix of the id of every message about a pause."""

ALARM = "alarm:"
"""Prefix of the id of every alarm."""


class Kind(StrEnum):
    """The kind of a message. The values are the words of UPDATER_NOTIFY_EVENTS."""

    ACCEPTED = "accepted"
    HELD = "held"
    LIVE = "live"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    DROPPED = "dropped"
    IGNORED = "ignored"
    PAUSED = "paused"
    RESUMED = "resumed"
    ALARM = "alarm"
    TEST = "test"


@dataclass(frozen=True)
class Notice:
    """One message. `id` identifies the event: an event is notified once. `rollout_id`: the rollout that it is about."""

    id: str
    kind: Kind
    title: str
    text: str
    rollout_id: str | None = None


_KINDS = {
    RolloutStatus.SUCCESS: Kind.LIVE,
    RolloutStatus.ROLLED_BACK: Kind.ROLLED_BACK,
    RolloutStatus.SUPERSEDED: Kind.DROPPED,
    RolloutStatus.WITHDRAWN: Kind.DROPPED,
}
_ASKED = {Trigger.MANUAL: "An operator asked for it."}


def accepted(project: str, release: Release) -> Notice:
    rollout_id = release.rollout_id
    asked = _ASKED.get(release.trigger, "GitHub published it.")
    text = f"{asked} Traffic is unchanged. The next message reports the outcome."
    return Notice(f"accepted:{rollout_id}", Kind.ACCEPTED, f"{project}: {release.tag} was accepted", text, rollout_id)


def held(project: str, event: Mapping[str, Any]) -> Notice:
    """`event`: the data of `release.held`. A release that begins to wait for something else is a new notice.

    So is one whose tag has moved.
    """
    title = f"{project}: {event['tag']} is held"
    moved = f":{event['commit']}" if event.get("moved_from") else ""
    rollout_id = event["rollout_id"]
    return Notice(f"held:{rollout_id}:{event['reason']}{moved}", Kind.HELD, title, event["text"], rollout_id)


def ended(project: str, rollout: Rollout, state: State) -> Notice:
    """The outcome of `rollout`; `state` is the state after it ended."""
    kind = Kind.DROPPED if rollout.gave_way else _KINDS.get(rollout.status, Kind.FAILED)
    outcomes = {Kind.LIVE: "is live", Kind.ROLLED_BACK: "was rolled back", Kind.DROPPED: "was dropped"}
    paused = "; releases are paused" if state.paused else ""
    failed = "failed and stays live" if rollout.stays else "did not go live"
    title = f"{project}: {rollout.release.tag} {outcomes.get(kind, failed)}{paused}"
    text = _live(rollout, state) if kind is Kind.LIVE else _not_live(rollout, state)
    return Notice(f"rollout:{rollout.id}:{rollout.status}", kind, title, text, rollout.id)


def dropped(project: str, release: Release, why: UpdaterError) -> Notice:
    title = f"{project}: {release.tag} will not go live"
    text, rollout_id = f"{why}. Traffic is unchanged.", release.rollout_id
    return Notice(f"dropped:{rollout_id}", Kind.DROPPED, title, text, rollout_id)


def ignored(project: str, release: IgnoredRelease) -> Notice:
    """The first release with its kind of tag, or of its repository."""
    found = "GitHub sent it" if release.delivery else "It is in GitHub's list"
    text = (
        f"{found}, and it will not go live: {release.reason}. Traffic is unchanged. Later ones like it are ignored "
        "without a message: `updater status --ignored` lists them."
    )
    title = f"{project}: {release.tag} was ignored"
    return Notice(f"ignored:{digest(release.surprise or release.key)}", Kind.IGNORED, title, text)


def paused(project: str, reason: str) -> Notice:
    text = f"{reason}\nReleases are still recorded, but none starts. `updater unpause` resumes rollouts."
    return Notice(f"{PAUSED}{digest(reason)}", Kind.PAUSED, f"{project}: releases are paused", text)


def resumed(project: str, state: State) -> Notice:
    waiting = ", ".join(r.tag for r in state.accepted)
    text = f"The newest of {waiting} starts now." if waiting else "None is waiting. The next one starts automatically."
    return Notice(f"resumed:{state.resumed_at}", Kind.RESUMED, f"{project}: releases go live again", text)


def alarm(project: str, kind: str, text: str) -> Notice:
    return Notice(f"{ALARM}{kind}:{digest(text)}", Kind.ALARM, f"{project}: {kind.replace('_', ' ')}", text)


def test_message(project: str, at: datetime) -> Notice:
    """The message that an operator requests to test delivery."""
    text = "An operator asked for this message. The updater's notifications arrive here. Traffic is unchanged."
    return Notice(f"test:{at.isoformat()}", Kind.TEST, f"{project}: test message", text)


def digest(text: str) -> str:
    """A short hash of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _live(rollout: Rollout, state: State) -> str:
    before = f" in place of {rollout.previous.tag}" if rollout.previous else ""
    sha = f" ({rollout.sha[:12]})" if rollout.sha else ""
    took = f", after {_seconds(rollout):.0f} s" if rollout.completed_at else ""
    lines = [f"{rollout.release.tag}{sha} has the traffic on {rollout.target}{before}{took}."]
    if facts := "; ".join(_facts(rollout)):
        lines.append(f"{facts[0].upper()}{facts[1:]}.")
    lines += [f"Warning: {warning}" for warning in rollout.warnings]
    if state.paused and state.pause_reason:
        lines.append(state.pause_reason)
    return "\n".join(lines)


def _not_live(rollout: Rollout, state: State) -> str:
    reason = state.pause_reason if rollout.pauses and state.paused else None
    lines = [reason or messages.outcome(rollout)]
    if (back := rollout.evidence(ROLLBACK_ROUTE).get("rollback_ms")) is not None:
        lines.append(f"The route was back after {back:g} ms.")
    return "\n".join(lines)


def _facts(rollout: Rollout) -> list[str]:
    """The evidence in words; facts that the rollout did not measure are left out."""
    flip, bake = rollout.evidence(ROUTE_SWITCH), rollout.evidence(BAKE)
    gaps = [s.evidence.get("gap_seconds") for s in rollout.steps if s.id.kind is StepKind.RESTART]
    facts = [f"the flip took {flip['flip_ms']:g} ms"] if "flip_ms" in flip else []
    if "requests" in bake:
        facts.append(_baked(bake))
    return [*facts, *(f"the bot was away for {gap:g} s" for gap in gaps if gap is not None)]


def _baked(bake: Mapping[str, Any]) -> str:
    slowest = f", the slowest took {bake['slowest_ms']:g} ms" if "slowest_ms" in bake else ""
    return f"{bake['requests']} requests were checked, {bake.get('errors', 0)} failed{slowest}"


def _seconds(rollout: Rollout) -> float:
    return (rollout.completed_at - rollout.started_at).total_seconds() if rollout.completed_at else 0.0
