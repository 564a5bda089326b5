"""The metrics of one scrape in Prometheus' exposition format."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from app.api.model import time_in
from app.api.status import Status
from app.domain.history import HistoryEntry
from app.domain.stack import Color
from app.web.calls.rollout_metrics import RESULTS, RolloutMetrics

STATES = ("idle", "updating", "rolling_back")


@dataclass(frozen=True)
class Facts:
    """The data of one scrape. `history` is newest first. The others are counted since this process started."""

    status: Status
    history: Sequence[HistoryEntry]
    events: int
    decisions: Counter[str]
    failed_logins: int = 0


def render(facts: Facts) -> bytes:
    """The exposition format. https://prometheus.io/docs/instrumenting/exposition_formats/"""
    registry = CollectorRegistry()
    status = facts.status
    percent = status.rollout.percent if status.rollout else 0
    duration = status.last_result.duration_seconds if status.last_result else 0
    _one_of(registry, ("updater_state", "Current activity of the updater"), "state", STATES, status.state)
    _one_of(registry, ("updater_active_color", "Color that has the traffic"), "color", Color, status.active_color)
    _gauge(registry, "updater_paused", "1 while rollouts are paused", status.paused)
    _gauge(registry, "updater_worker_up", "1 while the worker has a heartbeat", status.worker_alive)
    _gauge(registry, "updater_uptime_seconds", "Uptime of the web process", status.uptime_seconds)
    _gauge(registry, "updater_waiting_releases", "Accepted releases that wait", len(status.queued + status.held))
    _gauge(registry, "updater_alarms", "Active alarms", len(status.alarms))
    _gauge(registry, "updater_rollout_progress_percent", "Progress of the running rollout", percent)
    _gauge(registry, "updater_last_rollout_duration_seconds", "Duration of the last rollout", duration)
    for name, help_text, at in (
        ("updater_last_check_timestamp_seconds", "When GitHub's releases were last checked", status.last_checked_at),
        ("updater_last_look_timestamp_seconds", "When the worker last checked what should be live", status.looked_at),
    ):
        _gauge(registry, name, help_text, _epoch(at))
    _gauge(registry, "updater_events_kept", "Events that are still stored", facts.events)
    history = Gauge("updater_history_results", "Kept history entries by result", ["result"], registry=registry)
    results = Counter(entry.result for entry in facts.history)
    for result in (*RESULTS, *sorted(set(results) - set(RESULTS))):
        history.labels(result).set(results[result])
    registry.register(RolloutMetrics(status, facts.history))
    registry.register(_Deliveries(facts.decisions))
    registry.register(_Logins(facts.failed_logins))
    registry.register(_Notifications(status.notifications))
    return generate_latest(registry)


class _Deliveries(Collector):
    def __init__(self, decisions: Counter[str]) -> None:
        self._decisions = decisions

    def collect(self) -> Sequence[Metric]:
        family = CounterMetricFamily(
            "updater_deliveries", "Webhook deliveries since this process started", labels=["decision"]
        )
        for decision, count in sorted(self._decisions.items()):
            family.add_metric([decision], count)
        return [family]


class _Logins(Collector):
    def __init__(self, failed: int) -> None:
        self._failed = failed

    def collect(self) -> Sequence[Metric]:
        text = "Failed logins to the dashboard since this process started"
        return [CounterMetricFamily("updater_failed_logins", text, value=self._failed)]


class _Notifications(Collector):
    """Empty if no target is configured."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def collect(self) -> Sequence[Metric]:
        family = CounterMetricFamily("updater_notifications", "Messages by outcome, one per target", labels=["outcome"])
        for outcome in ("sent", "given_up"):
            if outcome in self._counts:
                family.add_metric([outcome], self._counts[outcome])
        return [family]


def _gauge(registry: CollectorRegistry, name: str, help_text: str, value: float) -> None:
    Gauge(name, help_text, registry=registry).set(float(value))


def _one_of(registry: CollectorRegistry, what: tuple[str, str], label: str, of: Iterable[str], now: str | None) -> None:
    """A gauge that is 1 for the value `now` and 0 for every other one. `what`: its name and help text."""
    gauge = Gauge(*what, [label], registry=registry)
    for value in of:
        gauge.labels(str(value)).set(value == now)


def _epoch(text: str | None) -> float:
    at = time_in(text)
    return at.timestamp() if at else 0.0
