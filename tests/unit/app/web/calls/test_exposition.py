from collections import Counter

from app.web.calls.exposition import Facts, render
from tests.examples import a_history_entry, a_status

STATUS = {
    "active_color": "green",
    "state": "updating",
    "paused": True,
    "worker_alive": True,
    "uptime_seconds": 12.5,
    "last_result": {"duration_seconds": 42.0},
    "rollout": {"percent": 50},
    "queued": ["v1"],
    "held": ["v2", "v3"],
    "alarms": [{"kind": "route_changed", "text": "Somebody changed it."}],
    "notifications": {"sent": 5, "given_up": 2, "waiting": 1},
    "last_checked_at": "2026-01-02T03:04:05+00:00",
    "looked_at": "2026-01-02T03:04:06+00:00",
}


def samples(status: dict[str, object]) -> dict[str, float]:
    results = ["failed", "superseded", "rolled_back", "success", "failed", "success", "odd", "success"]
    history = [a_history_entry(f"r-{n}", result=each, duration_seconds=10.0 * n) for n, each in enumerate(results)]
    text = render(Facts(a_status(**status), history, 7, Counter({"accepted": 2}))).decode()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_cover_the_whole_status() -> None:
    metrics = samples(STATUS)
    assert metrics['updater_active_color{color="green"}'] == 1
    assert metrics['updater_active_color{color="blue"}'] == 0
    assert metrics['updater_state{state="updating"}'] == 1
    assert metrics['updater_state{state="idle"}'] == 0
    assert (metrics["updater_paused"], metrics["updater_worker_up"]) == (1, 1)
    assert (metrics["updater_waiting_releases"], metrics["updater_rollout_progress_percent"]) == (3, 50)
    assert metrics["updater_alarms"] == 1
    assert metrics["updater_last_rollout_duration_seconds"] == 42
    assert metrics["updater_last_check_timestamp_seconds"] == 1767323045
    assert metrics["updater_last_look_timestamp_seconds"] == 1767323046
    assert metrics['updater_history_results{result="success"}'] == 3
    assert metrics['updater_history_results{result="withdrawn"}'] == 0
    assert metrics['updater_history_results{result="odd"}'] == 1
    assert metrics['updater_deliveries_total{decision="accepted"}'] == 2
    assert metrics["updater_events_kept"] == 7
    assert metrics['updater_notifications_total{outcome="sent"}'] == 5
    assert metrics['updater_notifications_total{outcome="given_up"}'] == 2


def test_metrics_cover_an_unknown_stack() -> None:
    metrics = samples({"worker_alive": False})
    assert (metrics['updater_active_color{color="green"}'], metrics["updater_worker_up"]) == (0, 0)


MEASURED = {
    "status": "rolled_back",
    "completed_at": "2026-01-02T03:04:05+00:00",
    "evidence": {
        "route_switch": {"seconds": 0.3, "flip_ms": 142.0},
        "restart_bot": {"gap_seconds": 1.25},
        "restart_feed": {"skipped": "nothing about it changed"},
        "bake": {"requests": 310, "errors": 2, "traffic": {"api": {"requests": 40, "errors": 3, "before": "0 of 9"}}},
    },
}


def test_metrics_have_what_the_last_rollout_measured() -> None:
    metrics = samples({"last_result": MEASURED})
    assert metrics['updater_last_rollout_result{result="rolled_back"}'] == 1
    assert metrics['updater_last_rollout_result{result="success"}'] == 0
    assert metrics["updater_last_rollout_timestamp_seconds"] == 1767323045
    assert metrics["updater_last_flip_seconds"] == 0.142
    assert metrics['updater_last_gap_seconds{singleton="bot"}'] == 1.25
    assert 'updater_last_gap_seconds{singleton="feed"}' not in metrics
    assert (metrics["updater_last_bake_probes"], metrics["updater_last_bake_failed_probes"]) == (310, 2)
    assert metrics['updater_last_bake_requests{service="api"}'] == 40
    assert metrics['updater_last_bake_failed_requests{service="api"}'] == 3


def test_what_was_not_measured_has_no_sample() -> None:
    evidence = {"route_switch": {"flip_ms": None}, "bake": {"traffic": {"unknown": "Traefik did not answer"}}}
    metrics = samples({"last_result": {"status": "odd", "evidence": evidence}})
    assert not {name for name in metrics if name.startswith(("updater_last_flip", "updater_last_bake", "updater_disk"))}
    assert metrics['updater_last_rollout_result{result="success"}'] == 0


def test_usual_duration_and_failures_come_from_the_history() -> None:
    metrics = samples({})
    assert metrics["updater_usual_rollout_duration_seconds"] == 50  # of 30, 50 and 70
    assert metrics["updater_failures_in_a_row"] == 2  # what was superseded does not count


def test_rollback_to_a_kept_release_is_no_usual_rollout() -> None:
    took = (4.0, 6.0, 900.0)
    entries = [a_history_entry(f"r-{took}", duration_seconds=took, recalled=took < 10) for took in took]
    text = render(Facts(a_status(), entries, 0, Counter())).decode()
    assert "updater_usual_rollout_duration_seconds 900.0" in text


def test_a_rollback_by_an_operator_is_no_failure() -> None:
    entries = [
        a_history_entry("r-2", result="rolled_back", reason_code="operator_rollback"),
        a_history_entry("r-1", result="failed", reason_code="interrupted", waits_again=True),
    ]
    text = render(Facts(a_status(), entries, 0, Counter())).decode()
    assert "updater_failures_in_a_row 0.0" in text


def test_metrics_say_what_waits_and_why() -> None:
    held = [{"tag": "v2", "reason": "approval"}, {"tag": "v3", "reason": "odd"}]
    alarms = [{"kind": "route_changed", "text": "a"}, {"kind": "route_changed", "text": "b"}]
    current, disk = {"tag": 'v"1', "sha": "ab"}, {"free_bytes": 7, "needed_bytes": 5}
    metrics = samples({**STATUS, "held_for": held, "alarms": alarms, "current": current, "disk": disk})
    assert metrics["updater_queued_releases"] == 1
    assert metrics['updater_held_releases{reason="approval"}'] == 1
    assert metrics['updater_held_releases{reason="odd"}'] == 1
    assert metrics['updater_held_releases{reason="paused"}'] == 0
    assert metrics['updater_active_alarms{kind="route_changed"}'] == 2
    assert metrics['updater_live_release_info{sha="ab",tag="v\\"1"}'] == 1
    assert (metrics["updater_disk_free_bytes"], metrics["updater_disk_needed_bytes"]) == (7, 5)


def test_a_pause_after_a_failure_is_no_other_pause() -> None:
    failed = {"status": "failed", "paused": True, "pause_reason": "v2 is not live"}
    for last, paused, reason, after in (
        (failed, True, "v2 is not live", 1),
        (failed, True, "holidays", 0),
        (failed, False, None, 0),
        ({**failed, "status": "success"}, True, "v2 is not live", 0),
    ):
        metrics = samples({"last_result": last, "paused": paused, "pause_reason": reason})
        assert metrics["updater_paused_after_failure"] == after
    assert samples({"paused": True})["updater_paused_after_failure"] == 0
