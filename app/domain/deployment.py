"""What GitHub is to be told of each release: one deployment a rollout, and the states that it goes through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.errors import Cancelled, Fault, OperatorRollback, Superseded, fault_of
from app.domain.rollout import Status
from app.domain.state import State

DESCRIPTION_CHARACTERS = 140
"""The longest that GitHub takes: https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status"""

ROLLOUTS_TOLD = 50
"""Of so many ended rollouts GitHub is still told what it has not been told yet."""

Entry = Mapping[str, Any]
"""An entry of the history: see app/domain/views.py."""


class Outcome(StrEnum):
    """GitHub's words. `failure`: the release's fault. `error`: the machine's. `inactive`: it has no traffic."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    INACTIVE = "inactive"


_UNTIL = (Outcome.QUEUED, Outcome.IN_PROGRESS)
_GAVE_WAY = {Superseded.code, Cancelled.code, OperatorRollback.code}
"""Nobody's fault: somebody wanted something else."""


@dataclass(frozen=True)
class Report:
    """How a rollout stands, for GitHub. `sha` is None where it is not known here."""

    rollout_id: str
    tag: str
    sha: str | None
    outcome: Outcome
    description: str


@dataclass(frozen=True)
class Told:
    """What GitHub was told of a rollout.

    `deployment` is GitHub's id of it; `outcome` the last state that it has. `tried_at`: something was sent then, and
    whether it was carried out is not known. `refused`: GitHub does not want it, and is not asked again.
    """

    rollout_id: str
    tag: str
    sha: str | None = None
    deployment: int | None = None
    outcome: Outcome | None = None
    tried_at: datetime | None = None
    refused: bool = False


@dataclass(frozen=True)
class Outbox:
    """What GitHub was told, the oldest first; of what ended before `since` it is told nothing."""

    since: datetime
    told: tuple[Told, ...] = ()

    def of(self, report: Report) -> Told:
        known = next((t for t in self.told if t.rollout_id == report.rollout_id), None)
        return known or Told(report.rollout_id, report.tag, report.sha)

    def keep(self, told: Told) -> "Outbox":
        if any(t.rollout_id == told.rollout_id for t in self.told):
            return replace(self, told=tuple(told if t.rollout_id == told.rollout_id else t for t in self.told))
        return replace(self, told=(*self.told, told))

    def forget(self, reports: Sequence[Report]) -> "Outbox":
        """Drops what nothing more is to be told of."""
        open_ = {report.rollout_id for report in reports}
        left = tuple(t for t in self.told if t.rollout_id in open_ or t.outcome is Outcome.SUCCESS)
        return replace(self, told=left)


def reports(state: State, history: Sequence[Entry], outbox: Outbox) -> tuple[Report, ...]:
    """Everything that GitHub should know, the oldest first; `history` is the newest first.

    What was never told because it never began is left out. What was live and is not any more comes last: a deployment
    is inactive only when another one is a success.
    """
    ended = [_ended(entry) for entry in history[:ROLLOUTS_TOLD] if _at(entry) >= outbox.since]
    now = {report.rollout_id: report for report in (*reversed(ended), *_under_way(state))}
    live = state.current.rollout_id if state.current else None
    for told in outbox.told:
        if told.outcome is Outcome.SUCCESS and told.rollout_id != live:
            now.pop(told.rollout_id, None)
            now[told.rollout_id] = _replaced(told, state)
    known = {t.rollout_id for t in outbox.told}
    return tuple(r for r in now.values() if r.outcome is not Outcome.INACTIVE or r.rollout_id in known)


def outcomes_to(report: Report, told: Outcome | None) -> tuple[Outcome, ...]:
    """The states that are still to be given until the report's own, which is the last of them; never one back."""
    if report.outcome is told:
        return ()
    if report.outcome is Outcome.INACTIVE:
        return (Outcome.INACTIVE,)
    path = _UNTIL[: _UNTIL.index(report.outcome) + 1] if report.outcome in _UNTIL else (*_UNTIL, report.outcome)
    if told is None:
        return path
    return path[_UNTIL.index(told) + 1 :] if told in _UNTIL else ()


def _under_way(state: State) -> list[Report]:
    held = "It waits: rollouts are paused." if state.paused else "Accepted; it waits until it may go live."
    waiting = [Report(r.rollout_id, r.tag, r.recall, Outcome.QUEUED, held) for r in state.accepted]
    if state.rollout is None:
        return waiting
    rollout = state.rollout
    live = f"{rollout.origin} has the traffic" if rollout.origin else "nothing is live yet"
    said = f"Rolling {rollout.release.tag} out on {rollout.target}; {live} until it is healthy."
    return [*waiting, Report(rollout.id, rollout.release.tag, rollout.sha, Outcome.IN_PROGRESS, clipped(said))]


def _ended(entry: Entry) -> Report:
    outcome, said = _outcome(entry), _said(entry)
    return Report(entry["rollout_id"], entry["tag"], entry["sha"], outcome, clipped(said))


def _outcome(entry: Entry) -> Outcome:
    if entry["result"] == Status.SUCCESS:
        return Outcome.SUCCESS
    if {entry["result"], entry["reason_code"]} & _GAVE_WAY:
        return Outcome.INACTIVE
    return Outcome.FAILURE if fault_of(entry["reason_code"]) is Fault.RELEASE else Outcome.ERROR


def _said(entry: Entry) -> str:
    tag, why = entry["tag"], " ".join(str(entry["error"] or "").split())
    if entry["result"] == Status.SUCCESS:
        return f"{tag} is live. It took {entry['duration_seconds']:.0f} s."
    if entry["result"] == Status.ROLLED_BACK:
        return f"Rolled back: the release before it has the traffic. {why}"
    return f"It did not go live. {why}"


def _replaced(told: Told, state: State) -> Report:
    by = f"{state.current.tag} is live instead." if state.current else "It is not live any more."
    return Report(told.rollout_id, told.tag, told.sha, Outcome.INACTIVE, by)


def clipped(text: str) -> str:
    """`text`, as much of it as GitHub takes."""
    return text if len(text) <= DESCRIPTION_CHARACTERS else f"{text[: DESCRIPTION_CHARACTERS - 1]}…"


def _at(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["timestamp"])
