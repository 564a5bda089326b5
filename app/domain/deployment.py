"""What GitHub should show of each release: one deployment for each rollout, and its states."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.domain.errors import Cancelled, Fault, OperatorRollback, Superseded, fault_of
from app.domain.history import HistoryEntry
from app.domain.rollout import RolloutStatus
from app.domain.state import State

DESCRIPTION_CHARACTERS = 140
"""The longest that GitHub takes: https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status"""

ROLLOUTS_TOLD = 50
"""Of so many ended rollouts GitHub is still told what it has not been told yet."""


class DeploymentOutcome(StrEnum):
    """GitHub's words. `failure`: the release's fault. `error`: the machine's. `inactive`: it has no traffic."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    INACTIVE = "inactive"


_UNTIL = (DeploymentOutcome.QUEUED, DeploymentOutcome.IN_PROGRESS)
_GAVE_WAY = {Superseded.code, Cancelled.code, OperatorRollback.code}
"""Nobody's fault: somebody wanted something else."""


@dataclass(frozen=True)
class DeploymentReport:
    """How a rollout stands, for GitHub. `sha` is None where it is not known here."""

    rollout_id: str
    tag: str
    sha: str | None
    outcome: DeploymentOutcome
    description: str


@dataclass(frozen=True)
class ReportedDeployment:
    """What GitHub was told of a rollout.

    `deployment` is GitHub's id of it; `outcome` the last state that it has. `tried_at`: something was sent then, and
    whether it was carried out is not known. `refused`: GitHub does not want it, and is not asked again.
    """

    rollout_id: str
    tag: str
    sha: str | None = None
    deployment: int | None = None
    outcome: DeploymentOutcome | None = None
    tried_at: datetime | None = None
    refused: bool = False


@dataclass(frozen=True)
class Outbox:
    """What GitHub was told, the oldest first; of what ended before `since` it is told nothing."""

    since: datetime
    told: tuple[ReportedDeployment, ...] = ()

    def of(self, report: DeploymentReport) -> ReportedDeployment:
        known = next((t for t in self.told if t.rollout_id == report.rollout_id), None)
        return known or ReportedDeployment(report.rollout_id, report.tag, report.sha)

    def keep(self, told: ReportedDeployment) -> "Outbox":
        if any(t.rollout_id == told.rollout_id for t in self.told):
            return replace(self, told=tuple(told if t.rollout_id == told.rollout_id else t for t in self.told))
        return replace(self, told=(*self.told, told))

    def forget(self, reports: Sequence[DeploymentReport]) -> "Outbox":
        """Drops what nothing more is to be told of."""
        open_ = {report.rollout_id for report in reports}
        left = tuple(t for t in self.told if t.rollout_id in open_ or t.outcome is DeploymentOutcome.SUCCESS)
        return replace(self, told=left)


def reports(state: State, history: Sequence[HistoryEntry], outbox: Outbox) -> tuple[DeploymentReport, ...]:
    """Everything that GitHub should know, the oldest first; `history` is the newest first.

    What was never told because it never began is left out. What was live and is not any more comes last: a deployment
    is inactive only when another one is a success.
    """
    ended = [_ended(entry) for entry in history[:ROLLOUTS_TOLD] if entry.at >= outbox.since]
    now = {report.rollout_id: report for report in (*reversed(ended), *_under_way(state))}
    live = state.current.rollout_id if state.current else None
    for told in outbox.told:
        if told.outcome is DeploymentOutcome.SUCCESS and told.rollout_id != live:
            now.pop(told.rollout_id, None)
            now[told.rollout_id] = _replaced(told, state)
    known = {t.rollout_id for t in outbox.told}
    return tuple(r for r in now.values() if r.outcome is not DeploymentOutcome.INACTIVE or r.rollout_id in known)


def outcomes_to(report: DeploymentReport, told: DeploymentOutcome | None) -> tuple[DeploymentOutcome, ...]:
    """The states that are still to be given until the report's own, which is the last of them; never one back."""
    if report.outcome is told:
        return ()
    if report.outcome is DeploymentOutcome.INACTIVE:
        return (DeploymentOutcome.INACTIVE,)
    path = _UNTIL[: _UNTIL.index(report.outcome) + 1] if report.outcome in _UNTIL else (*_UNTIL, report.outcome)
    if told is None:
        return path
    return path[_UNTIL.index(told) + 1 :] if told in _UNTIL else ()


def _under_way(state: State) -> list[DeploymentReport]:
    held = "It waits: rollouts are paused." if state.paused else "Accepted; it waits until it may go live."
    waiting = [DeploymentReport(r.rollout_id, r.tag, r.recall, DeploymentOutcome.QUEUED, held) for r in state.accepted]
    if state.rollout is None:
        return waiting
    rollout = state.rollout
    live = f"{rollout.origin} has the traffic" if rollout.origin else "nothing is live yet"
    said = f"Rolling {rollout.release.tag} out on {rollout.target}; {live} until it is healthy."
    return [
        *waiting,
        DeploymentReport(rollout.id, rollout.release.tag, rollout.sha, DeploymentOutcome.IN_PROGRESS, clipped(said)),
    ]


def _ended(entry: HistoryEntry) -> DeploymentReport:
    outcome, said = _outcome(entry), _said(entry)
    return DeploymentReport(entry.rollout_id, entry.tag, entry.sha, outcome, clipped(said))


def _outcome(entry: HistoryEntry) -> DeploymentOutcome:
    if entry.result == RolloutStatus.SUCCESS:
        return DeploymentOutcome.SUCCESS
    if {entry.result, entry.reason_code} & _GAVE_WAY:
        return DeploymentOutcome.INACTIVE
    return DeploymentOutcome.FAILURE if fault_of(entry.reason_code) is Fault.RELEASE else DeploymentOutcome.ERROR


def _said(entry: HistoryEntry) -> str:
    tag, why = entry.tag, " ".join(str(entry.error or "").split())
    if entry.result == RolloutStatus.SUCCESS:
        return f"{tag} is live. It took {entry.duration_seconds:.0f} s."
    if entry.result == RolloutStatus.ROLLED_BACK:
        return f"Rolled back: the release before it has the traffic. {why}"
    return f"It did not go live. {why}"


def _replaced(told: ReportedDeployment, state: State) -> DeploymentReport:
    by = f"{state.current.tag} is live instead." if state.current else "It is not live any more."
    return DeploymentReport(told.rollout_id, told.tag, told.sha, DeploymentOutcome.INACTIVE, by)


def clipped(text: str) -> str:
    """`text`, as much of it as GitHub takes."""
    return text if len(text) <= DESCRIPTION_CHARACTERS else f"{text[: DESCRIPTION_CHARACTERS - 1]}…"
