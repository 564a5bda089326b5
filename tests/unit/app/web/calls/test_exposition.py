from collections import Counter

from app.web.calls.exposition import Facts, render
from tests.examples import a_status

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
    text = render(Facts(a_status(**status), Counter({"success": 3, "odd": 1}), 7, Counter({"accepted": 2}))).decode()
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
    assert metrics['updater_history_results{result="rolled_back"}'] == 0
    assert metrics['updater_history_results{result="odd"}'] == 1
    assert metrics['updater_deliveries_total{decision="accepted"}'] == 2
    assert metrics["updater_events_kept"] == 7
    assert metrics['updater_notifications_total{outcome="sent"}'] == 5
    assert metrics['updater_notifications_total{outcome="given_up"}'] == 2


def test_metrics_cover_an_unknown_stack() -> None:
    metrics = samples({"worker_alive": False})
    assert (metrics['updater_active_color{color="green"}'], metrics["updater_worker_up"]) == (0, 0)
