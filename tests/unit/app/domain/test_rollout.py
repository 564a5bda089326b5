import pytest

from app.domain.errors import BakeFailed, Cancelled, Interrupted, NeverHealthy, Superseded, UpdaterError
from app.domain.rollout import RolloutStatus
from app.domain.step import ROUTE_SWITCH, step_named
from tests.examples import NOW, a_rollout, sha_of


def test_step_runs_until_its_end_with_evidence() -> None:
    running = a_rollout().begin(step_named("preflight"), NOW)
    assert (running.running_step, running.steps_completed, running.evidence(step_named("preflight"))) == (
        "preflight",
        [],
        {},
    )
    ended = running.end(step_named("preflight"), 1.5, {"disk_gb": 3})
    assert (ended.running_step, ended.steps_completed) == (None, ["preflight"])
    assert ended.evidence(step_named("preflight")) == {"disk_gb": 3}
    assert ended.steps[0].seconds == 1.5


def test_first_failed_step_is_the_cause() -> None:
    rollout = a_rollout().begin(step_named("bake"), NOW).fail(step_named("bake"), 2.0, "it died")
    rollout = rollout.begin(step_named("rollback_route"), NOW).fail(step_named("rollback_route"), 0.1, "disk full")
    assert (rollout.failed_step, rollout.steps_completed, rollout.running_step) == ("bake", [], None)
    assert rollout.steps[0].error == "it died"


def test_repeated_step_keeps_its_first_record() -> None:
    rollout = a_rollout().begin(step_named("prune"), NOW).fail(step_named("prune"), 1.0, "the worker stopped")
    rollout = rollout.begin(step_named("prune"), NOW).end(step_named("prune"), 2.0, {"freed_bytes": 1})
    assert [(s.seconds, s.error) for s in rollout.steps] == [(1.0, "the worker stopped"), (2.0, None)]
    assert rollout.evidence(step_named("prune")) == {"freed_bytes": 1}


def test_past_flip_begins_with_the_route_switch() -> None:
    before = a_rollout().begin(step_named("health_api"), NOW)
    assert not before.past_flip
    assert before.begin(ROUTE_SWITCH, NOW).past_flip


def test_transitions_record_their_values() -> None:
    rollout = a_rollout().resolved(sha_of("v1.1.0")).replacing("bot", "c1").replacing("mail", "c2").warn("a").warn("b")
    assert rollout.sha == sha_of("v1.1.0")
    assert rollout.replaced == {"bot": "c1", "mail": "c2"}
    assert rollout.warnings == ("a", "b")
    back = rollout.roll_back(BakeFailed(), "bake: it died")
    assert (back.status, back.reason_code, back.error) == (RolloutStatus.ROLLING_BACK, "bake_failed", "bake: it died")
    assert back.roll_back(Interrupted(), "the worker stopped") == back, "the first cause is kept"
    ended = back.finish(RolloutStatus.ROLLED_BACK, NOW)
    assert (ended.status, ended.completed_at, ended.id) == (RolloutStatus.ROLLED_BACK, NOW, "r-v1.1.0")


@pytest.mark.parametrize(
    ("cause", "pauses"), [(NeverHealthy(), True), (Interrupted(), True), (Superseded(), False), (Cancelled(), False)]
)
def test_superseded_or_cancelled_does_not_pause(cause: UpdaterError, pauses: bool) -> None:
    assert a_rollout().roll_back(cause, "why").pauses is pauses


def test_trial_lasts_from_flip_to_end_of_bake() -> None:
    before = a_rollout()
    flipped = before.begin(ROUTE_SWITCH, NOW).end(ROUTE_SWITCH, 0.1, {})
    baked = flipped.begin(step_named("bake"), NOW).end(step_named("bake"), 5.0, {})
    back = flipped.roll_back(BakeFailed(), "why")
    assert [r.on_trial for r in (before, flipped, baked, back)] == [False, True, False, False]
