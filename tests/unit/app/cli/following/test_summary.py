from typing import Any

from app.api.rollout import Result
from app.api.status import Live, Status
from app.cli.following.progress import FollowedRollout, StepSeen
from app.cli.following.summary import step_rows, summary

LIVE = Live(tag="v1.0.0", sha="a" * 40)


def ended(**result: Any) -> FollowedRollout:
    whole = {"status": "success", "new_sha": "b" * 40, "active_color": "green", "duration_seconds": 41.2, **result}
    return FollowedRollout("r-1", "v1.1.0", before=LIVE).end(Result.model_validate(whole))


def test_success_shows_releases_and_timings() -> None:
    evidence = {
        "route_switch": {"seconds": 0.1, "flip_ms": 85.3},
        "restart_bot": {"seconds": 2.0, "instance": "c1", "gap_seconds": 0.4321},
        "bake": {
            **{"seconds": 30.0, "requests": 1234, "errors": 0, "slowest_ms": 12.5},
            "traffic": {"api": {"requests": 5678, "errors": 2, "before": "1 of 9"}},
        },
    }
    assert summary(ended(evidence=evidence, warnings=["stop_old_color: it is slow"])) == [
        ("result", "v1.1.0 success in 41 s"),
        ("live before", "v1.0.0 (aaaaaaaaaaaa)"),
        ("live now", "v1.1.0 (bbbbbbbbbbbb) on green"),
        ("flip", "85.3 ms from the rename until every route was confirmed"),
        ("bot", "restarted, down for 0.43 s"),
        ("bake", "1,234 probes, 0 errors, slowest 12.5 ms"),
        ("clients", "api 5,678 requests, 2 answered 5xx"),
        ("warning", "stop_old_color: it is slow"),
    ]


def test_followers_show_what_was_replaced() -> None:
    evidence = {
        "follow_queue": {"seconds": 9.0, "instances": ["c1", "c2", "c3"], "stopped": ["c4", "c5"]},
        "follow_mailer": {"seconds": 2.0, "instances": ["c6"], "stopped": []},
        "follow_feed": {"skipped": "nothing about it changed"},
    }
    assert summary(ended(evidence=evidence))[3:6] == [
        ("queue", "3 new started, then 2 old stopped"),
        ("mailer", "1 new started"),
        ("feed", "not replaced: nothing about it changed"),
    ]


def test_rollback_shows_reason_and_next_step() -> None:
    rows = summary(
        ended(
            status="rolled_back",
            active_color="blue",
            evidence={"rollback_route": {"rollback_ms": 70}, "restart_bot": {"skipped": "nothing about it changed"}},
            error="bake: HTTP 500",
            paused=True,
            pause_reason="v1.1.0 is not live.",
        )
    )
    assert rows == [
        ("result", "v1.1.0 rolled back in 41 s"),
        ("live before", "v1.0.0 (aaaaaaaaaaaa)"),
        ("live now", "v1.0.0 (aaaaaaaaaaaa) on blue; traffic is back on it"),
        ("rollback", "70 ms until every route was back"),
        ("bot", "not restarted: nothing about it changed"),
        ("why", "bake: HTTP 500"),
        ("paused", "v1.1.0 is not live."),
        ("next", "fix it, then `updater unpause`; releases are accepted and wait until then"),
    ]


def test_operators_rollback_suggests_no_fix() -> None:
    rows = dict(summary(ended(paused=True, pause_reason="An operator went back.")))
    assert rows["next"] == "`updater unpause`; releases are accepted and wait until then"


def test_failed_first_release_leaves_nothing_live() -> None:
    rows = dict(summary(FollowedRollout("r-1", "v1.0.0").end(Result(status="failed"))))
    assert (rows["live before"], rows["live now"]) == ("nothing", "nothing")


def test_step_rows_show_seconds_and_first_error() -> None:
    progress = FollowedRollout("r-1", steps=(StepSeen("a", 1.0), StepSeen("b", error="broke"))).end(
        Result(status="failed", evidence={"a": {"seconds": 1.0}, "b": {"seconds": 0.5}})
    )
    assert step_rows(progress) == [("a", 1.0, ""), ("b", 0.5, "broke")]
    assert step_rows(FollowedRollout("r-1", steps=(StepSeen("a"),)).end(Result(status="superseded"))) == [
        ("a", None, "")
    ]


def test_unwatched_clients_are_explained() -> None:
    rows = dict(summary(ended(evidence={"bake": {"requests": 1, "traffic": {"unknown": "not watched"}}})))
    assert rows["clients"] == "not watched"


def test_failed_one_way_release_is_shown_as_live() -> None:
    rows = dict(summary(ended(status="failed", target_color="green")))
    assert rows["live now"] == "v1.1.0 (bbbbbbbbbbbb) on green, healthy or not: it cannot be rolled back"
    before = dict(summary(ended(status="failed", active_color="blue", target_color="green")))
    assert before["live now"] == "v1.0.0 (aaaaaaaaaaaa) on blue; it stayed live"


def test_summary_ends_with_the_page() -> None:
    seen = FollowedRollout("r-1", "v1.1.0").see_status(Status(public_url="https://u.example"))
    assert summary(seen.end(Result(status="success")))[-1] == ("page", "https://u.example/rollouts/r-1")
    assert summary(seen.end(Result(status="success", trace_id="ab12")))[-1] == ("trace", "ab12")
