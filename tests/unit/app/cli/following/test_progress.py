from typing import Any

import pytest

from app.api.rollout import NextAttempt, PreviousRelease, Record
from app.api.status import Live, Status
from app.cli.following.progress import FollowedRollout, Phase, StepSeen
from tests.examples import a_status

FOLLOWED = FollowedRollout("r-1", "v1.1.0")
LIVE = Live(tag="v1.0.0", sha="abc")


def status(**change: Any) -> Status:
    return a_status(**{"current": LIVE.as_received(), **change})


def running(**change: Any) -> dict[str, Any]:
    return {"id": "r-1", "tag": "v1.1.0", "status": "running", "step": "docker_build", "percent": 20, **change}


def result(**change: Any) -> dict[str, Any]:
    return {"rollout_id": "r-1", "tag": "v1.1.0", "status": "success", **change}


def test_running_rollout_keeps_the_live_before() -> None:
    seen = FOLLOWED.see_status(status(rollout=running(eta_seconds=3.5)))
    assert (seen.phase, seen.step, seen.percent, seen.eta_seconds) == (Phase.RUNNING, "docker_build", 20, 3.5)
    assert seen.before == LIVE
    back = seen.see_status(status(rollout=running(status="rolling_back"), current={"tag": "v1.1.0"}))
    assert (back.phase, back.before) == (Phase.ROLLING_BACK, LIVE)


def test_retry_belongs_to_its_step() -> None:
    at = "2026-01-02T03:04:57Z"
    retrying = {"rollout_id": "r-1", "step": "docker_build", "attempt": 2, "at": at, "error": "it hung up"}
    seen = FOLLOWED.see_event("step.started", retrying).see_event("step.retrying", retrying)
    assert seen.steps == (StepSeen("docker_build", retry=NextAttempt(attempt=2, at=at, error="it hung up")),)
    ended = seen.see_event("step.completed", {"rollout_id": "r-1", "step": "docker_build", "seconds": 3})
    assert ended.steps == (StepSeen("docker_build", 3.0),)


def test_queued_rollout_waits_for_the_running_one() -> None:
    seen = FOLLOWED.see_status(status(rollout=running(id="r-0", tag="v1.0.9"), queued=["v1.1.0"]))
    assert (seen.phase, seen.waits_for, seen.known) == (Phase.QUEUED, "v1.0.9 to end", True)


def test_pause_holds_rollout_unless_forced() -> None:
    paused = status(paused=True, pause_reason="why", held=["v1.1.0"])
    assert (FOLLOWED.see_status(paused).phase, FOLLOWED.see_status(paused).waits_for) == (Phase.HELD, "why")
    assert FollowedRollout("r-1", "v1.1.0", forced=True).see_status(paused).phase is Phase.QUEUED


def test_rollout_ends_when_no_longer_running() -> None:
    seen = FOLLOWED.see_status(status(rollout=running(), last_result=result()))
    assert not seen.ended
    assert seen.see_status(status(last_result=result())).ended


def test_rollout_missing_from_status_is_unknown() -> None:
    assert not FOLLOWED.see_status(status(rollout=running())).see_status(status()).known
    assert FOLLOWED.see_status(status(queued=["v1.1.0"])).known


def test_another_rollouts_result_is_ignored() -> None:
    ended = FOLLOWED.see_status(status(last_result=result()))
    assert ended.see_status(status(last_result=result(rollout_id="r-2", status="failed"))).result == ended.result


def test_steps_follow_events_and_end_once() -> None:
    seen = FOLLOWED
    for kind, data in (
        ("step.started", {"step": "preflight"}),
        ("step.completed", {"step": "preflight", "seconds": 0.5}),
        ("step.started", {"step": "preflight"}),
        ("step.started", {"step": "docker_build"}),
        ("step.failed", {"step": "docker_build", "error": "exit code 1"}),
        ("paused", {}),
    ):
        seen = seen.see_event(kind, {"rollout_id": "r-1", **data})
    assert seen.see_event("step.started", {"rollout_id": "r-2", "step": "bake"}) == seen
    assert seen.steps == (StepSeen("preflight", 0.5), StepSeen("docker_build", error="exit code 1"))


@pytest.mark.parametrize("status_", ["success", "failed", "rolled_back", "superseded", "cancelled"])
def test_final_record_status_ends_the_rollout(status_: str) -> None:
    assert FOLLOWED.see_record(Record(status=status_)).ended
    assert not FOLLOWED.see_record(Record(status="running")).ended


def test_record_alone_yields_a_full_result() -> None:
    steps = [
        {"name": "route_switch", "seconds": 0.2, "evidence": {"flip_ms": 90.0}, "error": None},
        {"name": "bake", "seconds": 1.0, "evidence": {}, "error": "HTTP 500"},
    ]
    record = {
        "status": "rolled_back",
        "tag": "v1.1.0",
        "sha": "def",
        "origin": "blue",
        "target": "green",
        "previous": LIVE.as_received(),
        "steps": steps,
        "started_at": "2026-01-02T03:04:05+00:00",
        "completed_at": "2026-01-02T03:04:15+00:00",
    }
    seen = FollowedRollout("r-1").see_record(Record.model_validate(record))
    assert seen.result is not None
    assert seen.result.evidence["route_switch"] == {"seconds": 0.2, "flip_ms": 90.0}
    assert (seen.result.active_color, seen.result.duration_seconds) == ("blue", 10.0)
    assert (seen.tag, seen.before, seen.steps[1].error) == (
        "v1.1.0",
        PreviousRelease(tag="v1.0.0", sha="abc"),
        "HTTP 500",
    )


def test_last_line_has_no_terminal_escapes() -> None:
    assert FOLLOWED.see_line("\x1b[1mbuilding\r").see_line("").last_line == "building"
