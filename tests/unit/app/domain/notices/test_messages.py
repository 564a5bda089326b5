import pytest

from app.domain.errors import Fault, NeverHealthy
from app.domain.notices import messages
from app.domain.rollout import RolloutStatus
from app.domain.stack import Color
from app.domain.step import ROUTE_SWITCH, step_named
from tests.examples import NOW, a_release, a_rollout, sha_of


def test_failure_names_the_step_and_last_lines() -> None:
    error = NeverHealthy("HTTP 500", service="api", last_lines=[f"line {n}" for n in range(20)])
    assert messages.failure("health_api", error).splitlines() == [
        "health_api: The new color did not become healthy (api): HTTP 500",
        *(f"  | line {n}" for n in range(12, 20)),
    ]


def test_pause_reason_says_traffic_was_untouched() -> None:
    failed = a_rollout(error="health_api: HTTP 500", fault=Fault.RELEASE).finish(RolloutStatus.FAILED, NOW)
    assert messages.pause_reason(failed) == (
        "v1.1.0 is not live. health_api: HTTP 500\n"
        "Traffic stayed on v1.0.0 (blue); nothing live was touched. "
        "Publish a release that fixes it and unpause, or apply the tag again with force."
    )


def test_rollback_says_traffic_is_back() -> None:
    back = a_rollout(error="bake: it died").finish(RolloutStatus.ROLLED_BACK, NOW)
    assert "Traffic is back on v1.0.0 (blue)." in messages.pause_reason(back)


def test_operators_rollback_is_reported_as_live() -> None:
    back = a_rollout(release=a_release("v1.0.0", recall=sha_of("v1.0.0"))).finish(RolloutStatus.SUCCESS, NOW)
    assert messages.pause_reason(back) == (
        "An operator rolled back to v1.0.0, which is live. Unpause to let newer releases go live again."
    )


def test_adopted_stack_is_named_without_a_tag() -> None:
    adopted = a_rollout(previous=None).finish(RolloutStatus.ROLLED_BACK, NOW)
    assert "Traffic is back on the previous release (blue)." in messages.pause_reason(adopted)


def test_failed_first_rollout_leaves_nothing_live() -> None:
    first = a_rollout(previous=None, origin=None).finish(RolloutStatus.ROLLED_BACK, NOW)
    assert "Nothing was live before, and nothing is live now." in messages.pause_reason(first)


@pytest.mark.parametrize("origin", [Color.BLUE, None])
def test_failed_switch_is_not_called_untouched(origin: Color | None) -> None:
    stuck = a_rollout(origin=origin).begin(ROUTE_SWITCH, NOW).finish(RolloutStatus.FAILED, NOW)
    reason = messages.pause_reason(stuck)
    assert "nothing live was touched" not in reason
    assert "nothing is live now" not in reason


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_names_the_next_step(fault: Fault) -> None:
    assert "unpause" in messages.pause_reason(a_rollout(fault=fault).finish(RolloutStatus.FAILED, NOW)).lower()


def test_message_warns_of_outside_changes() -> None:
    failed = a_rollout(error="health_api: HTTP 500").begin(step_named("before_flip_1_skills"), NOW)
    failed = failed.end(step_named("before_flip_1_skills"), 1.0, {"again": False}).finish(RolloutStatus.FAILED, NOW)
    assert "Changes that before_flip_1_skills made outside the stack are not undone." in messages.pause_reason(failed)
    skipped = (
        a_rollout(error="x")
        .begin(step_named("before_flip_1_skills"), NOW)
        .end(step_named("before_flip_1_skills"), 0, {"skipped": "y"})
    )
    assert "outside the stack" not in messages.pause_reason(skipped.finish(RolloutStatus.FAILED, NOW))


def test_kept_failed_release_states_the_next_step() -> None:
    stays = a_rollout(error="bake: it died", fault=Fault.RELEASE).begin(ROUTE_SWITCH, NOW).end(ROUTE_SWITCH, 1, {})
    assert messages.pause_reason(stays.stay().finish(RolloutStatus.FAILED, NOW)) == (
        "v1.1.0 failed and stays live. bake: it died\n"
        "It cannot be rolled back, so traffic stays on it (green), healthy or not. "
        "Publish a release that fixes it and unpause. `updater rollback --force` forces the rollback. Check first that "
        "its migrations are reversible."
    )
