"""GitHub deployments: one for each rollout, and the states to report for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.domain.errors import Cancelled, Fault, OperatorRollback, Superseded, Withdrawn, fault_of
from app.domain.history import HistoryEntry
from app.domain.rollout import RolloutStatus
from app.domain.state import State

DESCRIPTION_CHARACTERS = 140
"""GitHub's limit: https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status"""

ROLLOUTS_REPORTED = 50
"""Older ended rollouts are not reported to GitHub any more."""


class DeploymentOutcome(StrEnum):
    """GitHub's words. `failure`: the release's fault. `error`: the machine's fault. `inactive`: it has no traffic."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    INACTIVE = "inactive"


_UNTIL = (DeploymentOutcome.QUEUED, DeploymentOutcome.IN_PROGRESS)
_GAVE_WAY = {Superseded.code, Cancelled.code, OperatorRollback.code, Withdrawn.code}
"""Reasons that are no failure: a newer release or an operator replaced it, or it was withdrawn on GitHub."""


@dataclass(frozen=True)
class DeploymentReport:
    """The state of a rollout, for GitHub. `sha` is None if it is unknown."""

    rollout_id: str
    tag: str
    sha: str | None
    outcome: DeploymentOutcome
    description: str


@dataclass(frozen=True)
class ReportedDeployment:
    """What was reported to GitHub about a rollout.

    `deployment` is GitHub's id, `outcome` the last reported state. `tried_at`: when a request was sent whose result is
    unknown. `refused`: GitHub rejected it, and the updater does not retry.
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
    """What was reported to GitHub, oldest first. Rollouts that ended before `since` are not reported."""

    since: datetime
    told: tuple[ReportedDeployment, ...] = ()

    def of(self, report: DeploymentReport) -> ReportedDeployment:
        known = next((t for t in self.told if t.rollout_id == report.rollout_id), None)
        return known or ReportedDeployment(report.rollout_id, report.tag, report.sha)

    def keep(self, reported: ReportedDeployment) -> "Outbox":
        if any(t.rollout_id == reported.rollout_id for t in self.told):
            return replace(self, told=tuple(reported if t.rollout_id == reported.rollout_id else t for t in self.told))
        return replace(self, told=(*self.told, reported))

    def forget(self, reports: Sequence[DeploymentReport]) -> "Outbox":
        """Drops the deployments that need no further report."""
        open_ = {report.rollout_id for report in reports}
        left = tuple(t for t in self.told if t.rollout_id in open_ or t.outcome is DeploymentOutcome.SUCCESS)
        return replace(self, told=left)


def reports(state: State, history: Sequence[HistoryEntry], outbox: Outbox) -> tuple[DeploymentReport, ...]:
    """Everything to report to GitHub, oldest first; `history` is newest first.

    An inactive rollout that was never reported is left out. A release that was live and no longer is comes last: its
    deployment becomes inactive only when another one is a success.
    """
    ended = [_ended(entry) for entry in history[:ROLLOUTS_REPORTED] if entry.at >= outbox.since]
    now = {report.rollout_id: report for report in (*reversed(ended), *_under_way(state))}
    live = state.current.rollout_id if state.current else None
    for reported in outbox.told:
        if reported.outcome is DeploymentOutcome.SUCCESS and reported.rollout_id != live:
            now.pop(reported.rollout_id, None)
            now[reported.rollout_id] = _replaced(reported, state)
    known = {t.rollout_id for t in outbox.told}
    return tuple(r for r in now.values() if r.outcome is not DeploymentOutcome.INACTIVE or r.rollout_id in known)


def outcomes_to(report: DeploymentReport, reported: DeploymentOutcome | None) -> tuple[DeploymentOutcome, ...]:
    """The states still to be sent, in order, after `reported` up to the report's own; never an earlier one."""
    if report.outcome is reported:
        return ()
    if report.outcome is DeploymentOutcome.INACTIVE:
        return (DeploymentOutcome.INACTIVE,)
    path = _UNTIL[: _UNTIL.index(report.outcome) + 1] if report.outcome in _UNTIL else (*_UNTIL, report.outcome)
    if reported is None:
        return path
    return path[_UNTIL.index(reported) + 1 :] if reported in _UNTIL else ()


def _under_way(state: State) -> list[DeploymentReport]:
    held = "Waiting: rollouts are paused." if state.paused else "Accepted; waiting until it may go live."
    waiting = [DeploymentReport(r.rollout_id, r.tag, r.recall, DeploymentOutcome.QUEUED, held) for r in state.accepted]
    if state.rollout is None:
        return waiting
    rollout = state.rollout
    live = f"{rollout.origin} has the traffic" if rollout.origin else "nothing is live yet"
    text = f"Rolling out {rollout.release.tag} on {rollout.target}; {live} until it is healthy."
    return [
        *waiting,
        DeploymentReport(rollout.id, rollout.release.tag, rollout.sha, DeploymentOutcome.IN_PROGRESS, clipped(text)),
    ]


def _ended(entry: HistoryEntry) -> DeploymentReport:
    outcome, text = _outcome(entry), _description(entry)
    return DeploymentReport(entry.rollout_id, entry.tag, entry.sha, outcome, clipped(text))


def _outcome(entry: HistoryEntry) -> DeploymentOutcome:
    if entry.result == RolloutStatus.SUCCESS:
        return DeploymentOutcome.SUCCESS
    if {entry.result, entry.reason_code} & _GAVE_WAY:
        return DeploymentOutcome.INACTIVE
    return DeploymentOutcome.FAILURE if fault_of(entry.reason_code) is Fault.RELEASE else DeploymentOutcome.ERROR


def _description(entry: HistoryEntry) -> str:
    tag, why = entry.tag, " ".join(str(entry.error or "").split())
    if entry.result == RolloutStatus.SUCCESS:
        return f"{tag} is live. It took {entry.duration_seconds:.0f} s."
    if entry.result == RolloutStatus.ROLLED_BACK:
        return f"Rolled back: the previous release has the traffic. {why}"
    return f"It did not go live. {why}"


def _replaced(reported: ReportedDeployment, state: State) -> DeploymentReport:
    by = f"{state.current.tag} is live instead." if state.current else "It is not live any more."
    return DeploymentReport(reported.rollout_id, reported.tag, reported.sha, DeploymentOutcome.INACTIVE, by)


def clipped(text: str) -> str:
    """`text`, cut to GitHub's limit."""
    return text if len(text) <= DESCRIPTION_CHARACTERS else f"{text[: DESCRIPTION_CHARACTERS - 1]}…"
