"""Prometheus metrics, created for each scrape from the ledger. Nothing is counted here."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from app.api.status import Status
from app.domain.stack import Color
from app.ledger import HISTORY_KEPT, Ledger
from app.web.calls.status import StatusCall
from app.web.internal.call import Given

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("idle", "updating", "rolling_back")
RESULTS = ("success", "failed", "rolled_back", "superseded", "cancelled")


@dataclass(frozen=True)
class Facts:
    """What one scrape is made of. `results` are the history's, `decisions` the receiver's since it started."""

    status: Status
    results: Counter[str]
    events: int
    decisions: Counter[str]


@dataclass(frozen=True)
class Metrics:
    ledger: Ledger
    status: StatusCall
    decisions: Counter[str]

    async def scrape(self, _: Given) -> Response:
        entries = await self.ledger.history(HISTORY_KEPT)
        results = Counter(entry.result for entry in entries)
        facts = Facts(await self.status.whole(), results, await self.ledger.events_told(), self.decisions)
        return Response(render(facts), media_type=MEDIA_TYPE)


def render(facts: Facts) -> bytes:
    """The exposition format. https://prometheus.io/docs/instrumenting/exposition_formats/"""
    registry = CollectorRegistry()
    status = facts.status
    percent = status.rollout.percent if status.rollout else 0
    duration = status.last_result.duration_seconds if status.last_result else 0
    _one_of(registry, ("updater_state", "What the updater does now"), "state", STATES, status.state)
    _one_of(registry, ("updater_active_color", "Where the traffic goes"), "color", Color, status.active_color)
    _gauge(registry, "updater_paused", "1 while no rollout starts", status.paused)
    _gauge(registry, "updater_worker_up", "1 while the worker's heartbeat is there", status.worker_alive)
    _gauge(registry, "updater_uptime_seconds", "Of the web process", status.uptime_seconds)
    _gauge(registry, "updater_waiting_releases", "Accepted and not decided", len(status.queued + status.held))
    _gauge(registry, "updater_alarms", "What is not as it should be now", len(status.alarms))
    _gauge(registry, "updater_rollout_progress_percent", "Of the running rollout", percent)
    _gauge(registry, "updater_last_rollout_duration_seconds", "Of the last one", duration)
    for name, says, at in (
        ("updater_last_check_timestamp_seconds", "GitHub was last asked for its releases", status.last_checked_at),
        ("updater_last_look_timestamp_seconds", "The worker last asked itself what should be live", status.looked_at),
    ):
        _gauge(registry, name, says, _epoch(at))
    _gauge(registry, "updater_events_kept", "Events that can still be read", facts.events)
    history = Gauge("updater_history_results", "Kept history entries by result", ["result"], registry=registry)
    for result in (*RESULTS, *sorted(set(facts.results) - set(RESULTS))):
        history.labels(result).set(facts.results[result])
    registry.register(_Deliveries(facts.decisions))
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


class _Notifications(Collector):
    """Nothing where no target is configured."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def collect(self) -> Sequence[Metric]:
        family = CounterMetricFamily(
            "updater_notifications", "Messages to one target each, by what became of them", labels=["outcome"]
        )
        for outcome in ("sent", "given_up"):
            if outcome in self._counts:
                family.add_metric([outcome], self._counts[outcome])
        return [family]


def _gauge(registry: CollectorRegistry, name: str, says: str, value: float) -> None:
    Gauge(name, says, registry=registry).set(float(value))


def _one_of(registry: CollectorRegistry, says: tuple[str, str], label: str, of: Iterable[str], now: str | None) -> None:
    """A gauge that is 1 for the value `now` and 0 for every other one; `says` is its name and what it tells."""
    gauge = Gauge(*says, [label], registry=registry)
    for value in of:
        gauge.labels(str(value)).set(value == now)


def _epoch(at: str | None) -> float:
    return datetime.fromisoformat(at).timestamp() if at else 0.0
