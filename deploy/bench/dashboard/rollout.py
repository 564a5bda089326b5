"""What the worker publishes: a long history, and a rollout that goes on while the dashboards are open."""

import asyncio
import hashlib
import itertools
from datetime import UTC, datetime, timedelta

from app.api.rollout import PreviousRelease, Record, RecordedStep
from app.api.status import Live, PublishedStatus, RolloutProgress
from app.api.traffic import SAMPLES_KEPT, ColorTraffic, TrafficSample, TrafficSeries
from app.domain.history import HistoryEntry
from app.ledger import Ledger

ENTRIES = 1_000
STEP_SECONDS = 2.0
"""A step begins, and the traffic is read, every so often."""

STEPS = (
    *("preflight", "git_fetch_tags", "git_checkout_tag", "docker_build", "start_api", "start_skills"),
    *("health_api", "health_skills", "route_switch", "health_routed_api", "health_routed_skills"),
    *("restart_bot", "bake", "stop_old_color", "prune"),
)
RUNNING, TARGET = f"r-{ENTRIES}", "green"
TRAFFIC = ColorTraffic(requests=24.5, errors=0.0, mean_ms=38.2)


def tag_of(number: int) -> str:
    return f"v1.0.{number}"


def sha_of(number: int) -> str:
    return hashlib.sha1(tag_of(number).encode(), usedforsecurity=False).hexdigest()


def record_of(number: int, begun: int = len(STEPS), *, ended: bool = True) -> Record:
    """The record of that rollout, of which `begun` steps have begun."""
    started = datetime.now(UTC) - timedelta(hours=ENTRIES - number, minutes=3)
    at = [(started + timedelta(seconds=8 * n)).isoformat() for n in range(len(STEPS) + 1)]
    return Record(
        rollout_id=f"r-{number}",
        tag=tag_of(number),
        version=tag_of(number)[1:],
        trigger="webhook",
        status="success" if ended else "running",
        sha=sha_of(number),
        origin="blue",
        target=TARGET,
        previous=PreviousRelease(tag=tag_of(number - 1), sha=sha_of(number - 1)),
        accepted_at=at[0],
        started_at=at[0],
        completed_at=at[-1] if ended else None,
        steps=tuple(
            RecordedStep(
                name=name,
                started_at=at[n],
                seconds=8.0 if ended or n + 1 < begun else None,
                evidence={"sha": sha_of(number), "images": {"api-green": sha_of(n), "skills-green": sha_of(n + 1)}},
            )
            for n, name in enumerate(STEPS[:begun])
        ),
    )


def entry_of(number: int) -> HistoryEntry:
    """The entry of that rollout in the history."""
    return HistoryEntry(
        rollout_id=f"r-{number}",
        tag=tag_of(number),
        result="success",
        timestamp=record_of(number).completed_at or "",
        key=f"1:{number}",
        trigger="webhook",
        duration_seconds=8.0 * len(STEPS),
        sha=sha_of(number),
        previous=tag_of(number - 1),
        flip_ms=61.5,
        requests=2_460,
        failed_requests=0,
        gap_seconds=1.3,
    )


def status_of(begun: int) -> PublishedStatus:
    """The status while the rollout runs."""
    live, record = ENTRIES - 1, record_of(ENTRIES, begun, ended=False)
    return PublishedStatus(
        state="updating",
        active_color="blue",
        current=Live(
            tag=tag_of(live), sha=sha_of(live), rollout_id=f"r-{live}", since=record.started_at, copies={"api": 2}
        ),
        rollout=RolloutProgress(
            id=RUNNING,
            tag=record.tag,
            status="running",
            step=STEPS[begun - 1],
            percent=100 * begun // len(STEPS),
            started_at=record.started_at,
            eta_seconds=8.0 * (len(STEPS) - begun),
            steps=STEPS,
        ),
    )


def series() -> TrafficSeries:
    """A full series of the traffic, whose newest sample is of now."""
    now, colors = datetime.now(UTC), {"blue": TRAFFIC, "green": TRAFFIC}
    times = [now - timedelta(seconds=STEP_SECONDS * n) for n in reversed(range(SAMPLES_KEPT))]
    return TrafficSeries(
        samples=tuple(TrafficSample(at=at.isoformat(), seconds=STEP_SECONDS, colors=colors) for at in times)
    )


async def filled(ledger: Ledger) -> None:
    """Publishes ENTRIES rollouts that have ended, and the beginning of the next."""
    for number in range(ENTRIES):
        await ledger.publish_record(record_of(number).as_json())
        await ledger.record_decision(entry_of(number))
    await goes_on(ledger, 1)


async def goes_on(ledger: Ledger, begun: int) -> None:
    """Publishes what a worker does when a step begins."""
    await ledger.publish_record(record_of(ENTRIES, begun, ended=False).as_json())
    await ledger.publish_status(status_of(begun).as_json())
    await ledger.publish_traffic(series().as_json())
    await ledger.append_log(RUNNING, [f"{STEPS[begun - 1]}: line {n}" for n in range(20)])
    await ledger.publish_event("step.completed", {"tag": tag_of(ENTRIES), "step": STEPS[begun - 2]})


async def running(ledger: Ledger) -> None:
    """Lets the rollout go on, over and over, until the task is canceled."""
    for begun in itertools.cycle(range(2, len(STEPS) + 1)):
        await goes_on(ledger, begun)
        await asyncio.sleep(STEP_SECONDS)
