"""Which releases a withdrawal covers, and what it makes of the state."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.domain.acceptance.policy import ReleaseEvent
from app.domain.acceptance.withdrawn import live_alarm, withdraw, withdrawal_of
from app.domain.release import Trigger
from app.domain.state import State
from app.domain.withdrawal import DELETED, UNPUBLISHED, WITHDRAWN_KEPT, Withdrawal
from tests.examples import NOW, a_live, a_release, a_rollout
from tests.fakes.github_api import a_published

LATER = NOW + timedelta(seconds=1)
RELEASE = a_release("v1.1.0", key="1:7", published_at=NOW)


def event(action: str, published_at: datetime | None = NOW) -> ReleaseEvent:
    return replace(a_published("v1.1.0", 7).event, action=action, published_at=published_at)


@pytest.mark.parametrize(
    ("action", "in_delivery", "accepted", "published_again"),
    [
        (DELETED, NOW, NOW, False),
        (DELETED, None, None, False),
        (UNPUBLISHED, NOW, None, True),
        (UNPUBLISHED, None, NOW, True),
        (UNPUBLISHED, None, None, False),
    ],
)
def test_only_a_draft_comes_back(
    action: str, in_delivery: datetime | None, accepted: datetime | None, published_again: bool
) -> None:
    """A delivery may arrive late, so GitHub's own dates count; the time of arrival only if there are none."""
    arrives = NOW + timedelta(seconds=30)
    withdrawal = Withdrawal.of(event(action, in_delivery), arrives, accepted)
    assert withdrawal.covers("1:7", NOW)
    assert withdrawal.covers("1:7", None)
    assert withdrawal.covers("1:7", LATER) is not published_again
    assert not withdrawal.covers("1:8", NOW)


def test_withdrawal_dismisses_only_its_release() -> None:
    other, by_hand = a_release("v1.2.0"), a_release("v1.1.0", key="manual:r-1", trigger=Trigger.MANUAL)
    state = withdraw(State(accepted=(RELEASE, other, by_hand)), Withdrawal.of(event(DELETED), NOW))
    assert state.accepted == (other, by_hand)
    assert [(d.release, d.code) for d in state.unreported] == [(RELEASE, "withdrawn")]
    assert state.accept(RELEASE).accepted == (other, by_hand)


def test_release_published_again_is_accepted_once() -> None:
    withdrawal = Withdrawal.of(event(UNPUBLISHED), NOW)
    state = withdraw(State(accepted=(RELEASE,)), withdrawal)
    again = replace(RELEASE, published_at=LATER)
    accepted = state.accept(again)
    assert (accepted.accepted, accepted.withdrawn) == ((again,), ())
    decided = accepted.drop(again)
    assert decided.accept(again) == decided


def test_withdrawals_of_a_known_release_change_nothing() -> None:
    state = withdraw(State(accepted=(RELEASE,)), Withdrawal.of(event(DELETED), NOW))
    assert withdraw(state, *state.withdrawn) == state


@pytest.mark.parametrize(
    ("key", "since", "alarms"),
    [("1:7", NOW, True), ("1:8", NOW, False), ("", NOW, True), ("", LATER, False), ("manual:r-1", LATER, False)],
)
def test_alarm_is_for_the_live_release(key: str, since: datetime, alarms: bool) -> None:
    """Of a release without GitHub's id, its tag counts, and only what happened since it is live."""
    live = replace(a_live("v1.1.0"), key=key, since=since)
    alarm = live_alarm(withdraw(State(current=live), Withdrawal.of(event(DELETED), NOW)))
    assert (alarm is not None) is alarms


def test_rollout_before_its_flip_has_no_alarm() -> None:
    running = State(current=a_live("v1.0.0"), rollout=a_rollout(release=RELEASE))
    assert live_alarm(withdraw(running, Withdrawal.of(event(DELETED), NOW))) is None


def test_many_withdrawals_at_once_hide_none_that_counts() -> None:
    """An author cleans up: the waiting and the running release are among more than are remembered."""
    running = a_rollout(release=replace(RELEASE, key="1:8", tag="v1.0.9"))
    state = State(accepted=(RELEASE,), rollout=running)
    own = [Withdrawal(key, "v1", NOW, "gone") for key in ("1:7", "1:8")]
    others = [Withdrawal(f"1:{n}", "v0", LATER, "gone") for n in range(100, 100 + WITHDRAWN_KEPT)]
    after = withdraw(state, *own, *others)
    assert (after.accepted, [d.release for d in after.unreported]) == ((), [RELEASE])
    assert withdrawal_of(after, running.release) == own[1]
    assert len(after.withdrawn) == WITHDRAWN_KEPT
