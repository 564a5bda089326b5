from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from app.domain.acceptance.withdrawn import withdraw
from app.domain.ran import RAN_KEPT, Ran
from app.domain.rollout import RolloutStatus
from app.domain.stack import Color
from app.domain.state import State
from app.domain.tags import UNKNOWN_TAG
from tests.examples import NOW, a_live, a_release, a_rollout, sha_of

LATER = NOW + timedelta(minutes=5)
RUNNING = State(active_color=Color.BLUE, current=a_live(), last_good_tag="v1.0.0", rollout=a_rollout())


def test_state_is_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        State().paused = True  # type: ignore[misc]


def test_the_same_release_is_accepted_once() -> None:
    first, again = a_release("v1.1.0"), a_release("v1.1.0", rollout_id="r-other")
    state = State().accept(first).accept(again, a_release("v1.2.0"))
    assert [r.rollout_id for r in state.accepted] == ["r-v1.1.0", "r-v1.2.0"]


def test_duplicate_in_one_call_is_accepted_once() -> None:
    assert len(State().accept(a_release(), a_release()).accepted) == 1


def test_running_release_is_not_accepted_again() -> None:
    assert RUNNING.accept(RUNNING.rollout.release if RUNNING.rollout else a_release()).accepted == ()


def test_begin_removes_release_from_the_queue() -> None:
    state = State(accepted=(a_release("v1.1.0"), a_release("v1.2.0"))).begin(a_rollout())
    assert [r.tag for r in state.accepted] == ["v1.2.0"]
    assert state.last_attempted_tag == "v1.1.0"
    assert state.rollout == a_rollout()


def test_a_success_becomes_the_current_release() -> None:
    ended = a_rollout(sha=sha_of("v1.1.0")).finish(RolloutStatus.SUCCESS, LATER)
    state = RUNNING.finish(ended, LATER)
    assert state.current is not None
    assert (state.current.tag, state.current.sha, state.current.since) == ("v1.1.0", sha_of("v1.1.0"), LATER)
    assert (state.previous, state.active_color, state.last_good_tag) == (a_live(), Color.GREEN, "v1.1.0")
    assert (state.rollout, state.last_success_at, state.last_failure_at) == (None, LATER, None)


@pytest.mark.parametrize("status", [RolloutStatus.FAILED, RolloutStatus.ROLLED_BACK])
def test_failure_keeps_the_live_release(status: RolloutStatus) -> None:
    state = RUNNING.finish(a_rollout(sha=sha_of("v1.1.0")).finish(status, LATER), LATER)
    assert (state.current, state.active_color, state.last_good_tag) == (a_live(), Color.BLUE, "v1.0.0")
    assert (state.rollout, state.last_failure_at, state.last_success_at) == (None, LATER, None)


def test_pause_keeps_its_reason_until_unpause() -> None:
    paused = State().pause("v1.1.0 is not live")
    assert (paused.paused, paused.pause_reason) == (True, "v1.1.0 is not live")
    resumed = paused.unpause(LATER)
    assert (resumed.paused, resumed.pause_reason, resumed.resumed_at) == (False, None, LATER)


def test_take_over_raises_the_epoch() -> None:
    assert State(epoch=3).take_over().epoch == 4


def test_kept_failed_release_is_live_not_good() -> None:
    before = State(active_color=Color.BLUE, current=a_live("v1.0.0"), last_good_tag="v1.0.0")
    stays = a_rollout().resolved(sha_of("v1.1.0")).stay().finish(RolloutStatus.FAILED, NOW)
    after = before.progress(stays).finish(stays, NOW)
    live = replace(a_live("v1.1.0"), published_at=NOW, key=a_release().key)
    assert (after.current, after.previous) == (live, a_live("v1.0.0"))
    assert (after.active_color, after.last_good_tag, after.last_failure_at) == (Color.GREEN, "v1.0.0", NOW)
    assert after.is_unwell
    assert not before.is_unwell


def test_unknown_adopted_tag_keeps_the_last_good_one() -> None:
    adopted = State(last_good_tag="v1.0.0").adopt(a_live(UNKNOWN_TAG), Color.BLUE)
    assert (adopted.last_good_tag, adopted.is_unwell) == ("v1.0.0", False)
    assert State().adopt(a_live(UNKNOWN_TAG), Color.BLUE).last_good_tag is None
    assert State(last_good_tag="v1.0.0").adopt(a_live("v1.1.0"), Color.BLUE).last_good_tag == "v1.1.0"


def test_rollback_to_an_unknown_tag_keeps_the_last_good_one() -> None:
    rollout = a_rollout(release=replace(a_release(), tag=UNKNOWN_TAG), sha=sha_of("v0.9.0"))
    after = RUNNING.finish(rollout.finish(RolloutStatus.SUCCESS, NOW), NOW)
    assert after.current is not None
    assert (after.current.tag, after.last_good_tag, after.is_unwell) == (UNKNOWN_TAG, "v1.0.0", False)


def test_attempt_of_an_unknown_tag_keeps_the_last_attempted_one() -> None:
    rollout = a_rollout(release=replace(a_release(), tag=UNKNOWN_TAG, recall=sha_of("v0.9.0")))
    assert State(last_attempted_tag="v1.0.0").begin(rollout).last_attempted_tag == "v1.0.0"
    assert State().begin(rollout).last_attempted_tag is None


def test_command_record_is_unique_and_limited() -> None:
    ran = Ran("sha", "skills", ("migrate",))
    state = State().run(ran).run(ran)
    assert (state.ran, state.ran_before(ran)) == ((ran,), ran)
    assert state.ran_before(replace(ran, command=("migrate", "more"))) is None
    assert state.ran_before(replace(ran, services=("app-blue", "app-green"))) == ran, "an earlier version's record"
    done = state.run(replace(ran, completed=True))
    assert [r.completed for r in done.ran] == [True]
    for n in range(RAN_KEPT + 3):
        done = done.run(replace(ran, sha=str(n)))
    assert len(done.ran) == RAN_KEPT


def test_state_without_a_change_is_not_copied() -> None:
    """Each reconciliation asks for changes, which there rarely are."""
    state = State().accept(a_release("v1.1.0"))
    assert state.drop() is state
    assert state.dismiss() is state
    assert withdraw(state) is state
