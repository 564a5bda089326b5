from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from app.api.requests import Rollback
from app.api.rollout import FINAL, Record, Result
from app.api.status import PublishedStatus
from app.domain.acceptance.decision import HeldRelease, Hold
from app.domain.errors import BakeFailed, Superseded, UpdaterError
from app.domain.history import HistoryEntry
from app.domain.rollout import Retry, Rollout, RolloutStatus
from app.domain.stack import Color
from app.domain.state import State
from app.domain.step import step_named
from app.domain.withdrawal import Withdrawal
from tests.examples import NOW, a_live, a_release, a_rollout, a_stack, sha_of
from workers.control import dropped
from workers.rollout.pipeline import step_ids

STEPS = step_ids(a_stack())


def test_status_shows_an_idle_updater() -> None:
    state = State(
        active_color=Color.BLUE,
        current=replace(a_live(), copies={"api": 3}),
        last_good_tag="v1.0.0",
        last_attempted_tag="v1.1.0",
        last_checked_at=NOW,
        looked_at=NOW + timedelta(seconds=1),
        paused=True,
        pause_reason="v1.1.0 is not live",
        accepted=(a_release("v1.2.0"), a_release("v1.3.0")),
        withdrawn=(Withdrawal("1:9", "v1.4.0", NOW, "it was deleted"),),
    )
    held = (HeldRelease(state.accepted[1], Hold.WINDOW, NOW),)
    assert PublishedStatus.of(state, STEPS, held=held).as_json() == {
        "state": "idle",
        "current_operation": None,
        "active_color": "blue",
        "paused": True,
        "pause_reason": "v1.1.0 is not live",
        "last_checked_at": "2026-01-02T03:04:05+00:00",
        "looked_at": "2026-01-02T03:04:06+00:00",
        "last_attempted_tag": "v1.1.0",
        "last_good_tag": "v1.0.0",
        "current": {
            "tag": "v1.0.0",
            "sha": sha_of("v1.0.0"),
            "rollout_id": "r-v1.0.0",
            "since": "2026-01-02T03:04:05+00:00",
            "adopted": False,
            "copies": {"api": 3},
            "published_at": None,
        },
        "rollout": None,
        "queued": ["v1.2.0"],
        "held": ["v1.3.0"],
        "held_for": [
            {
                "tag": "v1.3.0",
                "rollout_id": "r-v1.3.0",
                "reason": "window",
                "until": "2026-01-02T03:04:05+00:00",
                "text": "v1.3.0 is waiting for the next deploy window, which opens at 2026-01-02 03:04 UTC. It then "
                "starts automatically. `updater deploy v1.3.0` starts it now.",
                "commit": None,
                "moved_from": None,
            }
        ],
        "withdrawn": [{"tag": "v1.4.0", "at": "2026-01-02T03:04:05+00:00", "reason": "it was deleted"}],
        "alarms": [],
        "notifications": {},
        "repository": None,
        "public_url": None,
        "forge_url": None,
        "disk": None,
    }


def test_status_forgets_what_was_withdrawn_before_the_live_release() -> None:
    before = [Withdrawal(f"1:{n}", f"v0.{n}.0", NOW - timedelta(days=1), "it was deleted") for n in range(4)]
    after = [Withdrawal(f"1:{n}", f"v2.{n}.0", NOW + timedelta(days=n), "it was deleted") for n in range(4)]
    state = State(current=a_live("v1.0.0"), withdrawn=(*before, *after))
    assert [w.tag for w in PublishedStatus.of(state, STEPS).withdrawn] == ["v2.3.0", "v2.2.0", "v2.1.0"]


def test_status_is_empty_before_first_release() -> None:
    assert PublishedStatus.of(State(), STEPS) == PublishedStatus()


def test_status_shows_rollout_progress_and_eta() -> None:
    rollout = (
        a_rollout()
        .begin(step_named("preflight"), NOW)
        .end(step_named("preflight"), 1.0, {})
        .begin(step_named("git_fetch_tags"), NOW)
    )
    view = PublishedStatus.of(
        State(rollout=rollout), STEPS, {"preflight": 1.0, "git_fetch_tags": 2.0, "bake": 30.04}
    ).as_json()
    assert view["state"] == "updating"
    assert view["current_operation"] == "v1.1.0: git_fetch_tags"
    assert view["rollout"] == {
        "id": "r-v1.1.0",
        "tag": "v1.1.0",
        "status": "running",
        "step": "git_fetch_tags",
        "percent": 7,
        "started_at": "2026-01-02T03:04:05+00:00",
        "eta_seconds": 32.0,
        "retry": None,
        "steps": [step.name for step in STEPS],
    }


def test_eta_is_missing_without_earlier_success() -> None:
    progress = PublishedStatus.of(State(rollout=a_rollout()), STEPS).rollout
    assert progress is not None
    assert progress.eta_seconds is None


def test_duration_sums_steps_if_clock_goes_back() -> None:
    rollout = a_rollout().begin(step_named("preflight"), NOW).end(step_named("preflight"), 2.5, {})
    ended = rollout.finish(RolloutStatus.SUCCESS, NOW - timedelta(days=1))
    assert ended.duration_seconds == 2.5


def test_status_shows_a_rollback() -> None:
    view = PublishedStatus.of(State(rollout=a_rollout().roll_back(BakeFailed(), "it died")), STEPS).as_json()
    assert (view["state"], view["current_operation"]) == ("rolling_back", "v1.1.0: between steps")


def test_result_has_every_field_of_the_contract() -> None:
    assert Result.of(_ended(), State(active_color=Color.BLUE).pause("why")).as_json() == {
        "status": "rolled_back",
        "rollout_id": "r-v1.1.0",
        "tag": "v1.1.0",
        "previous_sha": sha_of("v1.0.0"),
        "new_sha": sha_of("v1.1.0"),
        "active_color": "blue",
        "target_color": "green",
        "paused": True,
        "pause_reason": "why",
        "steps_completed": ["preflight"],
        "error": "bake: it died",
        "reason_code": "bake_failed",
        "warnings": ["slow"],
        "duration_seconds": 90.0,
        "started_at": "2026-01-02T03:04:05+00:00",
        "completed_at": "2026-01-02T03:05:35+00:00",
        "evidence": {"preflight": {"seconds": 1.0, "disk_gb": 3}},
        "trace_id": None,
    }


def test_first_rollout_result_has_no_previous_sha() -> None:
    first = a_rollout(previous=None, origin=None).finish(RolloutStatus.FAILED, NOW)
    assert Result.of(first, State()).previous_sha is None


NOT_MEASURED = dict.fromkeys(("flip_ms", "requests", "failed_requests", "gap_seconds"))


def test_history_entry_copies_result_and_release() -> None:
    assert asdict(HistoryEntry.of(_ended())) == {
        "key": "1:v1.1.0",
        "tag": "v1.1.0",
        "version": "1.1.0",
        "result": "rolled_back",
        "timestamp": "2026-01-02T03:05:35+00:00",
        "trigger": "webhook",
        "by": None,
        "rollout_id": "r-v1.1.0",
        "reason_code": "bake_failed",
        "error": "bake: it died",
        "duration_seconds": 90.0,
        "sha": sha_of("v1.1.0"),
        "waits_again": False,
        "trace_id": None,
        "previous": "v1.0.0",
        "recalled": False,
        **NOT_MEASURED,
    }
    assert a_release(version="2026.1").shown_version == "2026.1"


def test_decision_entry_has_every_field() -> None:
    entry = HistoryEntry.without_rollout(a_release("v1.1.0"), Superseded("v1.2.0 is newer"), NOW)
    assert asdict(entry) == {
        "tag": "v1.1.0",
        "version": "1.1.0",
        "result": "superseded",
        "timestamp": "2026-01-02T03:04:05+00:00",
        "trigger": "webhook",
        "by": None,
        "rollout_id": "r-v1.1.0",
        "key": "1:v1.1.0",
        "reason_code": "superseded",
        "error": "v1.2.0 is newer",
        "duration_seconds": 0.0,
        "sha": None,
        "waits_again": False,
        "trace_id": None,
        "previous": None,
        "recalled": None,
        **NOT_MEASURED,
    }


@pytest.mark.parametrize("kind", dropped.KINDS.values())
def test_release_without_a_rollout_has_a_final_result(kind: type[UpdaterError]) -> None:
    """Otherwise what waits for the end of the release never ends."""
    entry = HistoryEntry.without_rollout(a_release("v1.1.0"), kind("why"), NOW)
    assert entry.result in FINAL
    assert (entry.reason_code, "why" in str(entry.error)) == (kind.code, True)


def _ended() -> Rollout:
    rollout = (
        a_rollout(sha=sha_of("v1.1.0"))
        .begin(step_named("preflight"), NOW)
        .end(step_named("preflight"), 1.0, {"disk_gb": 3})
    )
    rolled = rollout.warn("slow").roll_back(BakeFailed(), "bake: it died")
    return rolled.finish(RolloutStatus.ROLLED_BACK, NOW + timedelta(seconds=90))


def test_record_shows_a_running_rollout() -> None:
    rollout = a_rollout().begin(step_named("preflight"), NOW).end(step_named("preflight"), 1.0, {"disk_gb": 3})
    fetch = step_named("git_fetch_tags")
    record = Record.of(rollout.begin(fetch, NOW).try_again(fetch, Retry(2, NOW, "it hung up"))).as_json()
    assert (record["status"], record["completed_at"], record["previous"]["tag"]) == ("running", None, "v1.0.0")
    at = "2026-01-02T03:04:05+00:00"
    begun, retry = {"started_at": at, "error": None}, {"attempt": 2, "at": at, "error": "it hung up"}
    assert record["steps"] == [
        {"name": "preflight", "seconds": 1.0, "evidence": {"disk_gb": 3}, "retry": None} | begun,
        {"name": "git_fetch_tags", "seconds": None, "evidence": {}, "retry": retry} | begun,
    ]


def test_ended_record_has_its_result() -> None:
    result = Result.of(_ended(), State(active_color=Color.BLUE))
    record = Record.model_validate(Record.of(_ended()).as_json() | result.as_json())
    assert record.result() == Result.model_validate({**record.as_received(), **result.as_json()})
    assert {**record.as_json(), **result.as_json()} == record.as_json()


def test_a_release_that_waits_has_a_record() -> None:
    assert Record.queued(a_release("v1.2.0")).result() is None
    assert Record.queued(a_release("v1.2.0")).as_json()["status"] == "queued"


@pytest.mark.parametrize("digits", [7, 40, 64])
def test_rollback_accepts_names_of_both_object_formats(digits: int) -> None:
    assert Rollback(previous_sha="A" * digits).previous_sha == "a" * digits
