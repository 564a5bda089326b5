import pytest

from app.domain.errors import BakeFailed, Cancelled, Interrupted, NeverHealthy, Superseded, UpdaterError
from app.domain.rollout import ROUTE_SWITCH, Status, step_names
from tests.examples import NOW, a_rollout, a_stack, sha_of


def test_a_step_is_running_until_it_ends_with_its_evidence() -> None:
    running = a_rollout().begin("preflight", NOW)
    assert (running.running_step, running.steps_completed, running.evidence("preflight")) == ("preflight", [], {})
    ended = running.end("preflight", 1.5, {"disk_gb": 3})
    assert (ended.running_step, ended.steps_completed) == (None, ["preflight"])
    assert ended.evidence("preflight") == {"disk_gb": 3}
    assert ended.steps[0].seconds == 1.5


def test_a_failed_step_is_not_completed_and_the_first_one_is_the_cause() -> None:
    rollout = a_rollout().begin("bake", NOW).fail("bake", 2.0, "it died")
    rollout = rollout.begin("rollback_route", NOW).fail("rollback_route", 0.1, "disk full")
    assert (rollout.failed_step, rollout.steps_completed, rollout.running_step) == ("bake", [], None)
    assert rollout.steps[0].error == "it died"


def test_a_step_that_is_done_again_does_not_change_its_first_record() -> None:
    rollout = a_rollout().begin("prune", NOW).fail("prune", 1.0, "the worker stopped")
    rollout = rollout.begin("prune", NOW).end("prune", 2.0, {"freed_bytes": 1})
    assert [(s.seconds, s.error) for s in rollout.steps] == [(1.0, "the worker stopped"), (2.0, None)]
    assert rollout.evidence("prune") == {"freed_bytes": 1}


def test_the_route_may_have_moved_from_the_moment_the_switch_begins() -> None:
    before = a_rollout().begin("health_api", NOW)
    assert not before.past_flip
    assert before.begin(ROUTE_SWITCH, NOW).past_flip


def test_the_other_transitions() -> None:
    rollout = a_rollout().resolved(sha_of("v1.1.0")).replacing("bot", "c1").replacing("mail", "c2").warn("a").warn("b")
    assert rollout.sha == sha_of("v1.1.0")
    assert rollout.replaced == {"bot": "c1", "mail": "c2"}
    assert rollout.warnings == ("a", "b")
    back = rollout.roll_back(BakeFailed(), "bake: it died")
    assert (back.status, back.reason_code, back.error) == (Status.ROLLING_BACK, "bake_failed", "bake: it died")
    assert back.roll_back(Interrupted(), "the worker stopped") == back, "the first cause stays"
    ended = back.finish(Status.ROLLED_BACK, NOW)
    assert (ended.status, ended.completed_at, ended.id) == (Status.ROLLED_BACK, NOW, "r-v1.1.0")


@pytest.mark.parametrize(
    ("cause", "pauses"), [(NeverHealthy(), True), (Interrupted(), True), (Superseded(), False), (Cancelled(), False)]
)
def test_what_gave_way_does_not_pause(cause: UpdaterError, pauses: bool) -> None:
    assert a_rollout().roll_back(cause, "why").pauses is pauses


def test_a_rollout_is_on_trial_from_the_flip_to_the_end_of_its_bake() -> None:
    before = a_rollout()
    flipped = before.begin(ROUTE_SWITCH, NOW).end(ROUTE_SWITCH, 0.1, {})
    baked = flipped.begin("bake", NOW).end("bake", 5.0, {})
    back = flipped.roll_back(BakeFailed(), "why")
    assert [r.on_trial for r in (before, flipped, baked, back)] == [False, True, False, False]


def test_a_release_that_comes_back_is_not_fetched_and_not_built() -> None:
    steps = step_names(a_stack(), recall=True)
    assert steps[:3] == ("preflight", "recall_release", "start_skills")
    assert steps[2:] == step_names(a_stack())[4:]


def test_the_steps_of_a_rollout_in_their_order() -> None:
    assert step_names(a_stack()) == (
        "preflight",
        "git_fetch_tags",
        "git_checkout_tag",
        "docker_build",
        "start_skills",
        "start_api",
        "health_skills",
        "health_api",
        "route_switch",
        "health_routed_skills",
        "health_routed_api",
        "restart_bot",
        "bake",
        "stop_old_color",
        "prune",
    )
