"""What to report to GitHub, based on the journal and the history."""

from datetime import timedelta
from typing import Any

import pytest

from app.domain.deployment import (
    DESCRIPTION_CHARACTERS,
    DeploymentOutcome,
    DeploymentReport,
    Outbox,
    ReportedDeployment,
    outcomes_to,
    reports,
)
from app.domain.history import HistoryEntry
from app.domain.state import State
from tests.examples import NOW, a_history_entry, a_live, a_release, a_rollout, sha_of

EMPTY = Outbox(since=NOW)


def entry(tag: str, result: str = "success", reason_code: str | None = None, **change: Any) -> HistoryEntry:
    known = {"sha": sha_of(tag), "reason_code": reason_code, "duration_seconds": 62.8}
    at = (NOW + timedelta(seconds=1)).isoformat()
    return a_history_entry(f"r-{tag}", tag, result, **{**known, "timestamp": at, **change})


def reported(tag: str, outcome: DeploymentOutcome) -> ReportedDeployment:
    return ReportedDeployment(f"r-{tag}", tag, sha_of(tag), 7, outcome)


def outcomes(state: State, *history: HistoryEntry, outbox: Outbox = EMPTY) -> list[tuple[str, DeploymentOutcome]]:
    return [(r.tag, r.outcome) for r in reports(state, history, outbox)]


def test_release_is_queued_then_in_progress() -> None:
    state = State(paused=True, accepted=(a_release("v1.2.0"),), rollout=a_rollout())
    waiting, running = reports(state, [], EMPTY)
    assert (waiting.outcome, waiting.sha, "paused" in waiting.description) == (DeploymentOutcome.QUEUED, None, True)
    assert (running.outcome, running.tag) == (DeploymentOutcome.IN_PROGRESS, "v1.1.0")
    assert "green" in running.description


@pytest.mark.parametrize(
    ("result", "reason_code", "expected"),
    [
        ("failed", "build_failed", DeploymentOutcome.FAILURE),
        ("rolled_back", "bake_failed", DeploymentOutcome.FAILURE),
        ("failed", "engine_failed", DeploymentOutcome.ERROR),
        ("rolled_back", "route_not_confirmed", DeploymentOutcome.ERROR),
        ("failed", "a code of a later version", DeploymentOutcome.ERROR),
    ],
)
def test_reason_code_selects_failure_or_error(result: str, reason_code: str, expected: DeploymentOutcome) -> None:
    assert outcomes(State(), entry("v1.1.0", result, reason_code)) == [("v1.1.0", expected)]


@pytest.mark.parametrize(
    ("result", "reason_code"),
    [
        ("superseded", "superseded"),
        ("cancelled", "cancelled"),
        ("failed", "cancelled"),
        ("rolled_back", "operator_rollback"),
    ],
)
def test_cancelled_or_superseded_becomes_inactive(result: str, reason_code: str) -> None:
    known = Outbox(NOW, (reported("v1.1.0", DeploymentOutcome.IN_PROGRESS),))
    assert outcomes(State(), entry("v1.1.0", result, reason_code), outbox=known) == [
        ("v1.1.0", DeploymentOutcome.INACTIVE)
    ]


def test_unreported_superseded_release_is_skipped() -> None:
    assert outcomes(State(), entry("v1.1.0", "superseded", "superseded")) == []


def test_replaced_release_becomes_inactive_last() -> None:
    known = Outbox(NOW, (reported("v1.0.0", DeploymentOutcome.SUCCESS),))
    state = State(current=a_live("v1.1.0"))
    found = reports(state, [entry("v1.1.0"), entry("v1.0.0")], known)
    assert [(r.tag, r.outcome) for r in found] == [
        ("v1.1.0", DeploymentOutcome.SUCCESS),
        ("v1.0.0", DeploymentOutcome.INACTIVE),
    ]
    assert "v1.1.0" in found[-1].description


def test_rollback_keeps_the_live_success() -> None:
    known = Outbox(NOW, (reported("v1.0.0", DeploymentOutcome.SUCCESS),))
    state = State(current=a_live("v1.0.0"))
    found = outcomes(state, entry("v1.1.0", "rolled_back", "bake_failed"), entry("v1.0.0"), outbox=known)
    assert found == [("v1.0.0", DeploymentOutcome.SUCCESS), ("v1.1.0", DeploymentOutcome.FAILURE)]


def test_restarted_release_is_in_progress() -> None:
    assert outcomes(State(rollout=a_rollout()), entry("v1.1.0", "failed", "interrupted")) == [
        ("v1.1.0", DeploymentOutcome.IN_PROGRESS)
    ]


def test_release_older_than_the_outbox_is_skipped() -> None:
    assert outcomes(State(), entry("v1.0.0", timestamp=(NOW - timedelta(days=1)).isoformat())) == []


def test_description_states_outcome_and_fits() -> None:
    long = entry("v1.1.0", "failed", "build_failed", error="docker_build: it broke\n  | " + "x" * 500)
    (report,) = reports(State(), [long], EMPTY)
    assert len(report.description) == DESCRIPTION_CHARACTERS
    assert report.description.startswith("It did not go live. docker_build: it broke | xxx")
    (live,) = reports(State(current=a_live("v1.1.0")), [entry("v1.1.0")], EMPTY)
    assert live.description == "v1.1.0 is live. It took 63 s."


@pytest.mark.parametrize(
    ("wanted", "last", "expected"),
    [
        (DeploymentOutcome.QUEUED, None, ["queued"]),
        (DeploymentOutcome.IN_PROGRESS, None, ["queued", "in_progress"]),
        (DeploymentOutcome.FAILURE, None, ["queued", "in_progress", "failure"]),
        (DeploymentOutcome.SUCCESS, DeploymentOutcome.QUEUED, ["in_progress", "success"]),
        (DeploymentOutcome.SUCCESS, DeploymentOutcome.SUCCESS, []),
        (DeploymentOutcome.INACTIVE, DeploymentOutcome.SUCCESS, ["inactive"]),
        (DeploymentOutcome.INACTIVE, DeploymentOutcome.QUEUED, ["inactive"]),
        (DeploymentOutcome.QUEUED, DeploymentOutcome.IN_PROGRESS, []),
        (DeploymentOutcome.SUCCESS, DeploymentOutcome.INACTIVE, []),
    ],
)
def test_deployment_states_only_move_forward(
    wanted: DeploymentOutcome, last: DeploymentOutcome | None, expected: list[str]
) -> None:
    assert list(outcomes_to(DeploymentReport("r-1", "v1", None, wanted, ""), last)) == expected


def test_outbox_keeps_only_replaceable_reports() -> None:
    kept = reported("v1.0.0", DeploymentOutcome.SUCCESS)
    outbox = Outbox(
        NOW, (kept, reported("v0.9.0", DeploymentOutcome.FAILURE), reported("v1.1.0", DeploymentOutcome.QUEUED))
    )
    left = outbox.forget([DeploymentReport("r-v1.1.0", "v1.1.0", None, DeploymentOutcome.QUEUED, "")])
    assert [t.tag for t in left.told] == ["v1.0.0", "v1.1.0"]
