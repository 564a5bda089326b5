from collections import Counter

from app.web.calls.metrics import Facts, render
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
    told = render(Facts(a_status(**status), Counter({"success": 3, "odd": 1}), 7, Counter({"accepted": 2}))).decode()
    lines = (line for line in told.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_cover_the_whole_status() -> None:
    told = samples(STATUS)
    assert told['updater_active_color{color="green"}'] == 1
    assert told['updater_active_color{color="blue"}'] == 0
    assert told['updater_state{state="updating"}'] == 1
    assert told['updater_state{state="idle"}'] == 0
    assert (told["updater_paused"], told["updater_worker_up"]) == (1, 1)
    assert (told["updater_waiting_releases"], told["updater_rollout_progress_percent"]) == (3, 50)
    assert told["updater_alarms"] == 1
    assert told["updater_last_rollout_duration_seconds"] == 42
    assert told["updater_last_check_timestamp_seconds"] == 1767323045
    assert told["updater_last_look_timestamp_seconds"] == 1767323046
    assert told['updater_history_results{result="success"}'] == 3
    assert told['updater_history_results{result="rolled_back"}'] == 0
    assert told['updater_history_results{result="odd"}'] == 1
    assert told['updater_deliveries_total{decision="accepted"}'] == 2
    assert told["updater_events_kept"] == 7
    assert told['updater_notifications_total{outcome="sent"}'] == 5
    assert told['updater_notifications_total{outcome="given_up"}'] == 2


def test_metrics_cover_an_unknown_stack() -> None:
    told = samples({"worker_alive": False})
    assert (told['updater_active_color{color="green"}'], told["updater_worker_up"]) == (0, 0)
