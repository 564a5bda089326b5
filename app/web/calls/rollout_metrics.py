"""The metrics about rollouts: what the last one measured, how long one usually takes, and what waits."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from statistics import median
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.api.model import time_in
from app.api.status import Status
from app.domain.acceptance.decision import Hold
from app.domain.errors import OperatorRollback
from app.domain.history import HistoryEntry, went_live

RESULTS = ("success", "failed", "rolled_back", "superseded", "cancelled", "withdrawn")
USUAL_OF = 20
"""Of how many rollouts that went live, the newest, the usual duration is the median."""

MS = 1000
_FAILED = {"failed", "rolled_back"}


class RolloutMetrics(Collector):
    """`history` is newest first."""

    def __init__(self, status: Status, history: Sequence[HistoryEntry]) -> None:
        self._status, self._history = status, history

    def collect(self) -> Iterator[Metric]:
        yield from _waiting(self._status)
        yield from _last(self._status)
        yield from _measured(self._status.last_result.evidence if self._status.last_result else {})
        yield from _over_time(self._history)
        yield from _machine(self._status)


def _waiting(status: Status) -> Iterator[Metric]:
    live = [((status.current.tag, status.current.sha), 1)] if status.current else []
    yield _labeled("updater_live_release_info", "The live release", ("tag", "sha"), live)
    yield _gauge("updater_queued_releases", "Accepted releases that wait for their turn", len(status.queued))
    held = Counter(each.reason for each in status.held_for)
    reasons = (*Hold, *sorted(set(held) - set(Hold)))
    by_reason = [((str(reason),), held[reason]) for reason in reasons]
    yield _labeled("updater_held_releases", "Accepted releases that are held, by reason", ("reason",), by_reason)
    kinds = Counter(alarm.kind for alarm in status.alarms)
    alarms = [((kind,), count) for kind, count in sorted(kinds.items())]
    yield _labeled("updater_active_alarms", "Active alarms, by kind", ("kind",), alarms)
    started = _epoch(status.rollout.started_at) if status.rollout else 0
    yield _gauge("updater_rollout_started_timestamp_seconds", "When the running rollout began; 0 if none runs", started)


def _last(status: Status) -> Iterator[Metric]:
    last = status.last_result
    result = last.status if last else None
    results = [((each,), float(each == result)) for each in RESULTS]
    yield _labeled("updater_last_rollout_result", "1 for the result of the last rollout", ("result",), results)
    text = "1 while rollouts are paused because the last one failed"
    yield _gauge("updater_paused_after_failure", text, _paused_by(status))
    ended = _epoch(last.completed_at) if last else 0
    yield _gauge("updater_last_rollout_timestamp_seconds", "When the last rollout ended; 0 if none did", ended)


def _paused_by(status: Status) -> bool:
    """Whether the last rollout failed, and the pause is still the one that it began."""
    last = status.last_result
    return status.paused and last is not None and last.status in _FAILED and last.pause_reason == status.pause_reason


def _measured(evidence: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    """What the steps of the last rollout measured. What it did not measure has no sample."""
    flip, bake = evidence.get("route_switch", {}), evidence.get("bake", {})
    flips = [((), milliseconds / MS) for milliseconds in _numbers(flip.get("flip_ms"))]
    yield _labeled("updater_last_flip_seconds", "Duration of the last rollout's flip", (), flips)
    restarts = {step.removeprefix("restart_"): proof for step, proof in evidence.items() if step.startswith("restart_")}
    gaps = [((name,), gap) for name, proof in restarts.items() for gap in _numbers(proof.get("gap_seconds"))]
    yield _labeled("updater_last_gap_seconds", "How long a singleton was away", ("singleton",), gaps)
    for name, key in (("probes", "requests"), ("failed_probes", "errors")):
        found = [((), number) for number in _numbers(bake.get(key))]
        yield _labeled(f"updater_last_bake_{name}", f"Of the last rollout's bake: {name.replace('_', ' ')}", (), found)
    traffic = bake.get("traffic")
    by_service = traffic.items() if isinstance(traffic, Mapping) else ()
    counts = [(service, each) for service, each in by_service if isinstance(each, Mapping)]
    for name, key, said in (("requests", "requests", "requests"), ("failed_requests", "errors", "answers with 5xx")):
        samples = [((service,), number) for service, each in counts for number in _numbers(each.get(key))]
        text = f"Clients' {said} in the last rollout's bake"
        yield _labeled(f"updater_last_bake_{name}", text, ("service",), samples)


def _over_time(history: Sequence[HistoryEntry]) -> Iterator[Metric]:
    took = [entry.duration_seconds for entry in went_live(history) if entry.duration_seconds]
    usual = [((), median(took[:USUAL_OF]))] if took else []
    text = f"Median duration of the last {USUAL_OF} rollouts that went live"
    yield _labeled("updater_usual_rollout_duration_seconds", text, (), usual)
    counted = [entry for entry in history if _counts(entry)]
    failed = sum(1 for _ in takewhile(lambda entry: entry.result in _FAILED, counted))
    yield _gauge("updater_failures_in_a_row", "Rollouts that failed since the last success", failed)


def _counts(entry: HistoryEntry) -> bool:
    """Whether it is a success or a failure, and not what an operator ended or what is tried again at once."""
    ended = entry.result in {"success", *_FAILED}
    return ended and entry.reason_code != OperatorRollback.code and not entry.undecided


def _machine(status: Status) -> Iterator[Metric]:
    disk = status.disk
    free = [((), disk.free_bytes)] if disk else []
    needed = [((), disk.needed_bytes)] if disk else []
    yield _labeled("updater_disk_free_bytes", "Free disk of the fullest directory that a rollout uses", (), free)
    yield _labeled("updater_disk_needed_bytes", "needs/disk_gb of the stack file", (), needed)


Samples = Sequence[tuple[tuple[str, ...], float]]


def _labeled(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, float(number))
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return _labeled(name, text, (), [((), value)])


def _numbers(value: Any) -> list[float]:
    """The number, if it is one: evidence comes from another process, maybe of another version."""
    return [float(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _epoch(text: str | None) -> float:
    at = time_in(text)
    return at.timestamp() if at else 0.0
