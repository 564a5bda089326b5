"""A shop with real releases: what its worker would publish."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.api.rollout import PreviousRelease, Record, RecordedStep
from app.api.status import Live, PublishedStatus
from app.api.traffic import ColorTraffic, TrafficSample, TrafficSeries
from app.domain.acceptance.repository import KnownRepository
from app.domain.stack import Color

OLD, NEW = "v2.13.4", "v2.14.0"
SHAS = {OLD: "4be1c09a77d2f0a85e3bb1c6a1d05d3f9e7c2a10", NEW: "9f27d31e5ac84b7790cf6f0a3a0d1f52e8b6c4d7"}
USUAL: Mapping[str, float] = {
    "preflight": 0.4,
    "git_fetch_tags": 1.2,
    "git_checkout_tag": 1.6,
    "docker_build": 41.0,
    "before_flip_1_migrate": 3.1,
    "start_web": 1.9,
    "start_api": 1.9,
    "health_web": 4.2,
    "health_api": 6.8,
    "route_switch": 0.3,
    "health_routed_web": 0.4,
    "health_routed_api": 0.5,
    "restart_bot": 3.4,
    "follow_mailer": 2.7,
    "bake": 60.0,
    "stop_old_color": 12.0,
    "prune": 0.8,
}
EVIDENCE: Mapping[str, Mapping[str, Any]] = {
    "preflight": {"disk_gb": 38.2, "memory_mb": 2911},
    "git_fetch_tags": {"sha": SHAS[NEW]},
    "git_checkout_tag": {
        "sha": SHAS[NEW],
        "not_applied": ["postgres: its image changed"],
        "files": {"release": ["compose.yaml", "config/nginx.conf"], "live": [".env", "uploads"]},
        "environment": {"api-green": {"added": ["SEARCH_URL"], "removed": [], "changed": ["CACHE_TTL"]}},
    },
    "docker_build": {"images": {"web-green": "sha256:aa", "api-green": "sha256:bb", "bot": "sha256:cc"}},
    "start_api": {"copies": 2},
    "route_switch": {"flip_ms": 41.7},
    "restart_bot": {"gap_seconds": 0.62},
    "follow_mailer": {"instances": ["a", "b"], "stopped": ["c", "d"]},
    "bake": {"requests": 118, "errors": 0, "traffic": {"web": {"requests": 18211, "errors": 0}}},
    "prune": {"freed_bytes": 1_420_000_000},
}
ERROR = (
    "the release answers clients with errors: 212 of 1,904 client requests to api got a 5xx answer, and 3 of 20,118 "
    "before. Its last lines:\n  | psycopg.errors.UndefinedColumn: column orders.currency does not exist\n"
    "  | LINE 1: SELECT orders.id, orders.currency FROM orders WHERE ..."
)


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def a_live(tag: str = OLD, *, since: float = 2 * 86_400) -> Live:
    return Live(tag=tag, sha=SHAS[tag], rollout_id=f"r-{tag}", since=ago(since), copies={"web": 1, "api": 2})


def a_page(**more: Any) -> PublishedStatus:
    fields: dict[str, Any] = {
        "active_color": Color.BLUE,
        "current": a_live(),
        "last_good_tag": OLD,
        "looked_at": ago(3),
    }
    repository = KnownRepository("octo/shop", 1, "octo/shop")
    return PublishedStatus(**fields | {"repository": repository, "forge_url": "https://github.com"} | more)


def steps(until: str | None = None, *, begun: float, spent: float = 22.0) -> tuple[RecordedStep, ...]:
    """The steps of a rollout that began `begun` seconds ago, up to `until`, which runs since `spent` seconds."""
    found: list[RecordedStep] = []
    at = begun
    for name, seconds in USUAL.items():
        took = round(seconds * 1.12, 2)
        evidence = dict(EVIDENCE.get(name, {}))
        if name == until:
            return (*found, RecordedStep(name=name, started_at=ago(spent), evidence={}))
        found.append(RecordedStep(name=name, started_at=ago(at), seconds=took, evidence=evidence))
        at -= took if not name.startswith(("start_web", "health_web", "health_routed_web")) else 0
    return tuple(found)


def a_record(status: str, *, begun: float, until: str | None = None, **more: Any) -> Record:
    fields: dict[str, Any] = {
        "rollout_id": "r-9c41f0a2b7d3",
        "tag": NEW,
        "version": "2.14.0",
        "trigger": "webhook",
        "status": status,
        "sha": SHAS[NEW],
        "origin": "blue",
        "target": "green",
        "previous": PreviousRelease(tag=OLD, sha=SHAS[OLD]),
        "accepted_at": ago(begun + 2),
        "started_at": ago(begun),
        "steps": steps(until, begun=begun),
    }
    return Record(**fields | more)


def traffic(green_since: float, *, errors: float = 0.0, seconds: int = 240) -> TrafficSeries:
    """Both colors' answers in the last minutes. `green_since`: how many seconds ago the traffic moved to green."""
    samples = []
    for passed in range(seconds, 0, -2):
        wave = 6 * ((passed * 7) % 5) / 5
        busy = ColorTraffic(requests=84 + wave, errors=0.0, mean_ms=23 + wave / 2)
        rest = ColorTraffic(requests=0.8, errors=0.0, mean_ms=4.0)
        new = ColorTraffic(requests=84 + wave, errors=errors * wave, mean_ms=19 + wave / 2)
        moved = passed < green_since
        colors = {"blue": rest if moved else busy, "green": new if moved else ColorTraffic()}
        samples.append(TrafficSample(at=ago(passed), seconds=2.0, colors=colors))
    return TrafficSeries(samples=tuple(samples))
