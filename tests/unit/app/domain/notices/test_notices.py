from datetime import timedelta
from typing import Any

import pytest

from app.api.status import Held
from app.domain.acceptance.decision import HeldRelease, Hold
from app.domain.errors import BakeFailed, Cancelled, Superseded
from app.domain.notices import notice as notices
from app.domain.notices.notice import Kind
from app.domain.release import Trigger
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.state import State
from app.domain.step import step_named
from tests.examples import NOW, a_release, a_rollout, sha_of

LIVE = State()


def a_live_one() -> Rollout:
    rollout = a_rollout().resolved(sha_of("v1.1.0"))
    evidence: dict[str, dict[str, Any]] = {
        "route_switch": {"color": "green", "flip_ms": 142.0},
        "restart_bot": {"instance": "c1", "gap_seconds": 1.25},
        "bake": {"requests": 310, "errors": 0, "slowest_ms": 12.5},
    }
    for step, proof in evidence.items():
        rollout = rollout.begin(step_named(step), NOW).end(step_named(step), 1.0, proof)
    return rollout.finish(RolloutStatus.SUCCESS, NOW + timedelta(seconds=94))


def test_live_notice_includes_its_evidence() -> None:
    notice = notices.ended("shop", a_live_one(), LIVE)
    assert (notice.id, notice.kind) == ("rollout:r-v1.1.0:success", Kind.LIVE)
    assert notice.title == "shop: v1.1.0 is live"
    assert notice.text == (
        f"v1.1.0 ({sha_of('v1.1.0')[:12]}) has the traffic on green in place of v1.0.0, after 94 s.\n"
        "The flip took 142 ms; 310 requests were checked, 0 failed, the slowest took 12.5 ms; "
        "the bot was away for 1.25 s."
    )


def test_notice_omits_values_not_measured() -> None:
    first = a_rollout(previous=None).warn("prune: the disk is slow").finish(RolloutStatus.SUCCESS, NOW)
    assert notices.ended("shop", first, LIVE).text == (
        "v1.1.0 has the traffic on green, after 0 s.\nWarning: prune: the disk is slow"
    )


def test_rollback_notice_includes_the_pause() -> None:
    failed = a_rollout().roll_back(BakeFailed("it died", service="api"), "bake: it died")
    back = failed.begin(step_named("rollback_route"), NOW).end(step_named("rollback_route"), 0.1, {"rollback_ms": 96.0})
    back = back.finish(RolloutStatus.ROLLED_BACK, NOW)
    notice = notices.ended("shop", back, LIVE.pause("v1.1.0 is not live. Publish a release that fixes it."))
    assert (notice.kind, notice.title) == (Kind.ROLLED_BACK, "shop: v1.1.0 was rolled back; releases are paused")
    assert notice.text == "v1.1.0 is not live. Publish a release that fixes it.\nThe route was back after 96 ms."


def test_failure_notice_names_reason_and_traffic() -> None:
    failed = a_rollout().roll_back(BakeFailed(""), "health_api: HTTP 500").finish(RolloutStatus.FAILED, NOW)
    notice = notices.ended("shop", failed, LIVE)
    assert (notice.kind, notice.title) == (Kind.FAILED, "shop: v1.1.0 did not go live")
    assert notice.text == (
        "v1.1.0 is not live. health_api: HTTP 500\nTraffic stayed on v1.0.0 (blue); nothing live was touched."
    )


@pytest.mark.parametrize(
    ("why", "status"), [(Superseded("v1.2.0"), RolloutStatus.SUPERSEDED), (Cancelled("by hand"), RolloutStatus.FAILED)]
)
def test_superseded_or_cancelled_is_dropped(why: Cancelled | Superseded, status: RolloutStatus) -> None:
    notice = notices.ended("shop", a_rollout().roll_back(why, str(why)).finish(status, NOW), LIVE)
    assert (notice.kind, notice.title) == (Kind.DROPPED, "shop: v1.1.0 was dropped")


def test_accepted_notice_names_the_trigger() -> None:
    notice = notices.accepted("shop", a_release())
    assert (notice.id, notice.title) == ("accepted:r-v1.1.0", "shop: v1.1.0 was accepted")
    assert notice.text == "GitHub published it. Traffic is unchanged. The next message reports the outcome."
    by_hand = notices.accepted("shop", a_release(trigger=Trigger.MANUAL))
    assert by_hand.text.startswith("An operator asked for it.")


def test_dropped_notice_gives_its_reason() -> None:
    notice = notices.dropped("shop", a_release(), Superseded("v1.2.0 is newer"))
    assert notice.title == "shop: v1.1.0 will not go live"
    assert notice.text == ("A newer release replaced it before the flip: v1.2.0 is newer. Traffic is unchanged.")


def test_held_notice_differs_by_reason() -> None:
    holds = (Hold.WINDOW, Hold.APPROVAL)
    window, approval = (notices.held("shop", Held.of(HeldRelease(a_release(), why, NOW)).as_json()) for why in holds)
    assert (window.id, window.title) == ("held:r-v1.1.0:window", "shop: v1.1.0 is held")
    assert window.text.startswith("v1.1.0 is waiting for the next deploy window, which opens at 2026-01-02 03:04 UTC.")
    assert approval.id != window.id


def test_pause_and_resume_notices_say_the_next_step() -> None:
    pause = notices.paused("shop", "moving the database")
    assert pause.title == "shop: releases are paused"
    assert pause.text == (
        "moving the database\nReleases are still recorded, but none starts. `updater unpause` resumes rollouts."
    )
    waits = State(accepted=(a_release(),)).unpause(NOW)
    assert notices.resumed("shop", waits).text == "The newest of v1.1.0 starts now."
    assert notices.resumed("shop", State().unpause(NOW)).text == "None is waiting. The next one starts automatically."


def test_alarm_with_other_text_is_another_event() -> None:
    first, other = (notices.alarm("shop", "live_color_down", f"{s} does not run") for s in ("api", "skills"))
    assert (first.title, first.text) == ("shop: live color down", "api does not run")
    assert first.id != other.id


def test_notices_of_a_release_name_its_rollout() -> None:
    release = a_release()
    event = {"tag": release.tag, "rollout_id": release.rollout_id, "reason": "window", "text": "…"}
    of_release = [
        notices.accepted("shop", release),
        notices.held("shop", event),
        notices.dropped("shop", release, Superseded("v1.2.0 goes live instead")),
        notices.ended("shop", a_live_one(), LIVE),
    ]
    assert {notice.rollout_id for notice in of_release} == {release.rollout_id}
    assert notices.paused("shop", "holidays").rollout_id is None
