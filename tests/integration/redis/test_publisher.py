"""The published status, events and logs, on a real Redis that can be slow or unavailable."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.api.status import PublishedStatus
from app.api.traffic import TrafficSeries
from app.domain.errors import Superseded
from app.domain.rollout import RolloutStatus
from app.domain.state import State
from app.domain.step import step_named
from app.ledger import Ledger
from tests.examples import NOW, a_release, a_rollout, a_stack
from tests.integration.redis.redis_servers import OwnRedis
from workers.adapters.disk.history_file import HistoryFile
from workers.adapters.disk.rollout_logs import RolloutLogs
from workers.adapters.machine import SystemClock
from workers.adapters.publisher import CHARTS_SECONDS, GAP, LINES_AT_ONCE, WRITE_SECONDS, LedgerPublisher
from workers.rollout.pipeline import step_ids

pytestmark = pytest.mark.redis

FLUSH_SECONDS = 120.0
MORE = 0.5
"""Seconds that Redis hangs beyond the limit of a write."""

AT_ONCE = 20.0
"""The limit for publishing any amount, on a busy machine."""

BUILD = step_named("docker_build")
ENDED = a_rollout().finish(RolloutStatus.SUCCESS, NOW)
PAUSED = State(paused=True, pause_reason="why")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def publisher(ledger: Ledger, logs: Path) -> LedgerPublisher:
    return publisher_of(ledger, logs)


def publisher_of(ledger: Ledger, logs: Path) -> LedgerPublisher:
    archive = HistoryFile(logs.with_name("history.jsonl"))
    return LedgerPublisher(ledger, partial(step_ids, a_stack()), archive, RolloutLogs(logs), SystemClock())


@pytest.fixture
async def own_client(own_server: OwnRedis) -> AsyncIterator[Redis]:
    client = Redis.from_url(own_server.url)
    yield client
    await client.aclose()


@asynccontextmanager
async def writing(publisher: LedgerPublisher) -> AsyncIterator[None]:
    """Writes until the end of the block; by then everything published is written or was given up."""
    writer = asyncio.create_task(publisher.run())
    try:
        yield
        async with asyncio.timeout(FLUSH_SECONDS):
            await publisher.flush()
    finally:
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer


async def kinds(client: Redis, ledger: Ledger) -> list[str]:
    return [fields[b"type"].decode() for _, fields in await client.xrange(ledger.key("events"))]


async def log_of(client: Redis, ledger: Ledger, rollout: str) -> list[str]:
    return [fields[b"line"].decode() for _, fields in await client.xrange(ledger.key(f"log:{rollout}"))]


def written_at(id_: bytes) -> int:
    """When Redis wrote the entry of a stream, in milliseconds."""
    return int(id_.split(b"-")[0])


def publish_everything(publisher: LedgerPublisher) -> None:
    """Publishes the frequent messages of a rollout a hundred times, and those of its end once."""
    for _ in range(100):
        publisher.status(State())
        publisher.event("step.started", step="bake")
        publisher.line("r-1", "a line")
    publisher.keep(ENDED, State())
    publisher.result(ENDED, State())
    publisher.decided(a_release(), Superseded("v1.2.0 is newer"))


async def test_events_and_lines_are_written_in_order(publisher: LedgerPublisher, ledger: Ledger, pool: Redis) -> None:
    async with writing(publisher):
        for n in range(50):
            publisher.event(f"event-{n}")
            publisher.line("r-1", f"line {n}")
    assert await kinds(pool, ledger) == [f"event-{n}" for n in range(50)]
    assert await log_of(pool, ledger, "r-1") == [f"line {n}" for n in range(50)]


async def test_log_is_complete_before_the_result(publisher: LedgerPublisher, ledger: Ledger, pool: Redis) -> None:
    """A reader that follows the log leaves when it finds the result."""
    count = 10 * LINES_AT_ONCE + 1
    for n in range(count):
        publisher.line(ENDED.id, f"line {n}")
    publisher.result(ENDED, State())
    async with writing(publisher):
        pass
    [(completed, _)] = await pool.xrevrange(ledger.key("events"), count=1)
    [(last, _)] = await pool.xrevrange(ledger.key(f"log:{ENDED.id}"), count=1)
    assert await log_of(pool, ledger, ENDED.id) == [f"line {n}" for n in range(count)]
    assert written_at(last) <= written_at(completed)


async def test_rollback_to_a_kept_release_does_not_shorten_the_estimate(
    publisher: LedgerPublisher, ledger: Ledger
) -> None:
    built = a_rollout().begin(BUILD, NOW).end(BUILD, 300.0, {}).finish(RolloutStatus.SUCCESS, NOW)
    back = a_rollout(release=replace(a_release(), recall="a" * 40)).finish(RolloutStatus.SUCCESS, NOW)
    async with writing(publisher):
        publisher.result(built, State())
        publisher.result(back, State())
        publisher.status(State(rollout=a_rollout()))
    published = await ledger.status()
    assert published is not None
    assert published["rollout"]["eta_seconds"] == 300.0


async def test_each_rollout_keeps_its_own_lines(publisher: LedgerPublisher, ledger: Ledger, pool: Redis) -> None:
    async with writing(publisher):
        for n in range(3):
            publisher.line(f"r-{n % 2}", f"line {n}")
    assert await log_of(pool, ledger, "r-0") == ["line 0", "line 2"]
    assert await log_of(pool, ledger, "r-1") == ["line 1"]


async def test_the_latest_status_wins(publisher: LedgerPublisher, ledger: Ledger) -> None:
    for n in range(100):
        publisher.status(State(last_good_tag=f"v1.{n}.0"))
    async with writing(publisher):
        pass
    status = await ledger.status()
    assert status is not None
    assert status["last_good_tag"] == "v1.99.0"


async def test_status_between_two_writes_is_not_lost(publisher: LedgerPublisher, ledger: Ledger) -> None:
    for n in range(5):
        async with writing(publisher):
            publisher.status(State(last_good_tag=f"v1.{n}.0"))
        status = await ledger.status()
        assert status is not None
        assert status["last_good_tag"] == f"v1.{n}.0"


async def test_result_is_published_with_its_pause(publisher: LedgerPublisher, ledger: Ledger, pool: Redis) -> None:
    async with writing(publisher):
        publisher.keep(ENDED, PAUSED)
        publisher.result(ENDED, PAUSED)
    assert (await ledger.result(ENDED.id), (await ledger.history(1))[0].tag) == (
        await ledger.last_result(),
        ENDED.release.tag,
    )
    assert await kinds(pool, ledger) == ["rollout.completed", "paused"]
    (_, (_, paused)) = await pool.xrange(ledger.key("events"))
    assert json.loads(paused[b"data"]) == {"reason": "why"}


async def test_unwritable_event_does_not_block_the_next(
    publisher: LedgerPublisher, ledger: Ledger, pool: Redis
) -> None:
    async with writing(publisher):
        publisher.event("odd", what=object())
        publisher.event("after")
    assert "after" in await kinds(pool, ledger)


async def test_stopped_redis_does_not_block_publishing(own_server: OwnRedis, own_client: Redis, logs: Path) -> None:
    ledger = Ledger(own_client, "x")
    publisher = publisher_of(ledger, logs)
    async with writing(publisher):
        own_server.stop()
        started = time.monotonic()
        publish_everything(publisher)
        assert time.monotonic() - started < AT_ONCE
        assert (logs / "r-1.log").read_text().count(" a line\n") == 100, "the log file is complete"
        await asyncio.to_thread(own_server.start)
        publisher.status(PAUSED)
    status = await ledger.status()
    assert status is not None
    assert status["paused"] is True


async def test_rebuild_adds_a_result_missed_by_redis(own_server: OwnRedis, own_client: Redis, logs: Path) -> None:
    """Redis has lost no data; only this result was never written."""
    ledger = Ledger(own_client, "x")
    publisher = publisher_of(ledger, logs)
    await publisher.rebuild(always=True)
    async with writing(publisher):
        own_server.stop()
        publisher.keep(ENDED, State())
        publisher.result(ENDED, State())
        await asyncio.to_thread(own_server.start)
    await publisher.rebuild()
    assert [entry.tag for entry in await ledger.history(10)] == [ENDED.release.tag]


async def test_rebuild_restores_a_lost_history(publisher: LedgerPublisher, ledger: Ledger, pool: Redis) -> None:
    async with writing(publisher):
        publisher.decided(a_release(), Superseded("v1.2.0 is newer"))
        publisher.keep(ENDED, State())
        publisher.result(ENDED, State())
    await publisher.rebuild(always=True)
    before = await ledger.history(10)
    await pool.delete(*await pool.keys(ledger.key("*")))
    await publisher.rebuild()
    assert await ledger.history(10) == before != []


async def test_hanging_redis_write_ends_at_its_limit(own_server: OwnRedis, own_client: Redis, logs: Path) -> None:
    ledger = Ledger(own_client, "x")
    publisher = publisher_of(ledger, logs)
    hang = int((WRITE_SECONDS + MORE) * 1000)
    await own_client.execute_command("CLIENT", "PAUSE", hang, "ALL")  # type: ignore[no-untyped-call]
    async with writing(publisher):
        publisher.status(PAUSED)
        publisher.event("one")
        publisher.event("two")
    assert await kinds(own_client, ledger) == ["one", "two"]
    assert await ledger.status() in (None, PublishedStatus.of(PAUSED, step_ids(a_stack())).as_json())


async def test_traffic_that_redis_does_not_take_is_not_missed(
    own_server: OwnRedis, own_client: Redis, logs: Path
) -> None:
    """Otherwise the log would have a warning every other second, and the whole ledger would be restored for it."""
    ledger = Ledger(own_client, "x")
    publisher = publisher_of(ledger, logs)
    with capture_logs() as lines:
        async with writing(publisher):
            own_server.stop()
            publisher.traffic(TrafficSeries(unknown="before"))
            await publisher.flush()
            await asyncio.to_thread(own_server.start)
            hang = int((CHARTS_SECONDS + MORE) * 1000)
            await own_client.execute_command("CLIENT", "PAUSE", hang, "ALL")  # type: ignore[no-untyped-call]
            publisher.traffic(TrafficSeries(unknown="during"))
            await publisher.flush()
            publisher.event("after")
        assert [line for line in lines if "the ledger" in line["event"]] == []
    assert await kinds(own_client, ledger) == ["after"]
    async with writing(publisher):
        publisher.traffic(TrafficSeries(unknown="after"))
    assert (await ledger.traffic() or {})["unknown"] == "after"


async def test_lines_that_redis_refused_leave_a_gap(own_server: OwnRedis, own_client: Redis, logs: Path) -> None:
    ledger = Ledger(own_client, "x")
    publisher = publisher_of(ledger, logs)
    async with writing(publisher):
        publisher.line("r-1", "first")
        await publisher.flush()
        await own_client.config_set("maxmemory", "1")
        publisher.line("r-1", "refused")
        await publisher.flush()
        await own_client.config_set("maxmemory", "0")
        for line in ("second", "third"):
            publisher.line("r-1", line)
            await publisher.flush()
    assert await log_of(own_client, ledger, "r-1") == ["first", GAP, "second", "third"]


async def test_unwritable_log_directory_stops_nothing(ledger: Ledger, pool: Redis, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    publisher = publisher_of(ledger, tmp_path / "file")
    async with writing(publisher):
        publisher.line("r-1", "a line")
    assert await log_of(pool, ledger, "r-1") == ["a line"]
