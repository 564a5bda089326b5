"""The ledger's bounded memory of releases, and its rebuild from the history; on a real Redis."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis

from app.domain.errors import LedgerUnavailable
from app.domain.history import HistoryEntry
from app.domain.release import Trigger
from app.ledger import FORGOTTEN, HISTORY_KEPT, Ledger
from app.ledger.base import CALL_SECONDS
from app.ledger.releases import ids_of
from tests.examples import NOW, a_history_entry, a_release
from tests.integration.redis.loops import HurriedLoop
from tests.integration.redis.redis_servers import OwnRedis

pytestmark = pytest.mark.redis


class SmallLedger(Ledger):
    releases_kept = 3


@pytest.fixture
def small(pool: ArqRedis, namespace: str) -> Ledger:
    return SmallLedger(pool, namespace)


async def size(call: Any) -> int:
    """Awaits a size; redis-py types its commands for the blocking client too, so `call` is Any."""
    return int(await call)


def numbered(number: int, repository: int = 1) -> Any:
    return a_release(f"v1.{number}.0", key=f"{repository}:{number}", rollout_id=f"r-{number}")


async def test_forgotten_release_is_still_a_duplicate(small: Ledger, pool: ArqRedis) -> None:
    for number in (5, 1, 4, 2, 3):
        assert await small.accept(numbered(number)) is None
    assert await size(pool.hlen(small.key("releases"))) == 3
    assert await pool.zcard(small.key("releases:order")) == 3
    for number in (3, 4, 5):
        assert await small.accept(replace(numbered(number), rollout_id="r-new")) == numbered(number)
    for number in (1, 2):
        assert await small.accept(numbered(number)) == replace(numbered(number), rollout_id=FORGOTTEN)
    assert len(await small.pending()) == 5, "forgetting a key loses no waiting release"


async def test_dedup_floor_only_rises_per_repository(small: Ledger) -> None:
    for number in range(10, 16):
        await small.accept(numbered(number))
    assert await small.accept(numbered(11)) is not None
    assert await small.accept(numbered(1, repository=2)) is None
    assert await small.accept(numbered(16)) is None


async def test_manual_releases_use_no_lasting_memory(small: Ledger, pool: ArqRedis) -> None:
    releases = [a_release(key=f"manual:r-{n}", rollout_id=f"r-{n}", trigger=Trigger.MANUAL) for n in range(10)]
    for release in releases:
        assert await small.accept(release) is None
    assert await size(pool.hlen(small.key("releases"))) == 0
    await small.taken(releases)
    assert await small.pending() == []


async def test_ids_are_compared_as_numbers(small: Ledger) -> None:
    largest = 2**53
    for number in (9, 10, 11, largest - 1, largest):
        assert await small.accept(numbered(number)) is None
    assert await small.accept(numbered(10)) is not None
    assert (await small.accept(numbered(largest))) == numbered(largest)


def test_unknown_key_form_counts_as_the_oldest() -> None:
    assert ids_of("1:2") == ("1", "2")
    assert ids_of("manual:r-1") == ("", "manual")
    assert ids_of("1:v1.1.0") == ("", "0")


def entry(number: int, **change: Any) -> HistoryEntry:
    return replace(a_history_entry(f"r-{number}", f"v1.{number}.0", key=f"1:{number}"), **change)


async def test_lost_ledger_is_rebuilt_from_history(ledger: Ledger, pool: ArqRedis) -> None:
    assert await ledger.lost()
    entries = [entry(3), entry(2), entry(9, key="manual:r-9")]
    for _ in range(2):
        await ledger.restore(entries)
        assert not await ledger.lost()
        assert await ledger.history(10) == entries
        assert await size(pool.hlen(ledger.key("releases"))) == 2
    known = await ledger.accept(numbered(3))
    assert known is not None
    assert (known.rollout_id, known.tag, known.accepted_at) == ("r-3", "v1.3.0", NOW)
    assert await ledger.accept(numbered(4)) is None
    assert await ledger.pending() == [numbered(4)]


async def test_restore_keeps_known_releases(ledger: Ledger) -> None:
    await ledger.accept(numbered(3))
    await ledger.record_decision(a_history_entry("r-gone"))
    await ledger.restore([entry(3, rollout_id="r-other")])
    assert await ledger.accept(numbered(3)) == numbered(3)
    assert await ledger.pending() == [numbered(3)]
    assert await ledger.history(10) == [entry(3, rollout_id="r-other")]


async def test_restore_accepts_an_empty_history(ledger: Ledger) -> None:
    await ledger.restore([])
    assert (await ledger.lost(), await ledger.history(10)) == (False, [])


async def test_history_length_is_bounded(ledger: Ledger, pool: ArqRedis) -> None:
    await ledger.restore([entry(n) for n in range(HISTORY_KEPT + 10)])
    assert await size(pool.llen(ledger.key("history"))) == HISTORY_KEPT
    for n in range(3):
        await ledger.record_decision(entry(n))
    assert await size(pool.llen(ledger.key("history"))) == HISTORY_KEPT
    assert (await ledger.history(3))[0] == entry(2)


async def test_history_continues_before_an_entry(ledger: Ledger) -> None:
    await ledger.restore([entry(n) for n in (5, 4, 3, 3, 2, 1)])
    assert await ledger.history(2, "r-4") == [entry(3), entry(3)]
    assert await ledger.history(2, "r-3") == [entry(2), entry(1)]
    assert await ledger.history(2, "r-1") == []
    assert await ledger.history(2, "r-unknown") == []


async def test_record_returns_the_last_published(ledger: Ledger, pool: ArqRedis) -> None:
    assert await ledger.record("r-1") is None
    for status in ("running", "success"):
        await ledger.publish_record({"rollout_id": "r-1", "status": status})
    assert await ledger.record("r-1") == {"rollout_id": "r-1", "status": "success"}
    assert await pool.ttl(ledger.key("rollout:r-1")) > 0


async def test_events_are_read_after_a_given_id(ledger: Ledger) -> None:
    start = await ledger.last_event_id()
    assert await ledger.events_after(start, block=0) == []
    for n in range(3):
        await ledger.publish_event("paused", {"n": n})
    (_, first), (second_id, _), _ = await ledger.events_after(start, block=0)
    assert (first["type"], first["data"]) == ("paused", {"n": 0})
    assert [event["data"]["n"] for _, event in await ledger.events_after(second_id, block=0)] == [2]
    assert await ledger.event_count() == 3


async def test_waiting_reader_is_notified_at_once(ledger: Ledger) -> None:
    start = await ledger.last_event_id()
    waiting = asyncio.create_task(ledger.events_after(start, block=60))
    following = asyncio.create_task(ledger.log_after("r-1", "0-0", block=60))
    await ledger.publish_event("resumed", {})
    await ledger.append_log("r-1", ["a line"])
    async with asyncio.timeout(50):
        assert [event["type"] for _, event in await waiting] == ["resumed"]
        assert [line for _, line in await following] == ["a line"]


async def test_waiting_reader_times_out_without_events(ledger: Ledger) -> None:
    assert await ledger.events_after("0-0", block=0.01) == []
    assert await ledger.log_after("r-none", "0-0", block=0.01) == []


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("appendfsync", "everysec", "appendfsync is everysec"),
        ("appendonly", "no", "appendonly is off"),
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy is allkeys-lru"),
    ],
)
async def test_durability_reports_unsafe_settings(own_server: OwnRedis, setting: str, value: str, reason: str) -> None:
    async with Redis.from_url(own_server.url) as client:
        assert await Ledger(client, "x").durability() == []
        await client.config_set(setting, value)
        (lack,) = await Ledger(client, "x").durability()
    assert reason in lack


async def test_durability_reports_a_read_only_replica(own_server: OwnRedis, redis_url: str) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.replicaof("127.0.0.1", redis_url.rpartition(":")[2].partition("/")[0])
        lacks = await Ledger(client, "x").durability()
        await client.replicaof("NO", "ONE")
    assert any("replica" in lack for lack in lacks)


async def test_durability_works_without_config_access(own_server: OwnRedis) -> None:
    async with Redis.from_url(own_server.url) as client:
        await client.acl_setuser(
            "guest", enabled=True, nopass=True, keys=["*"], categories=["+@all"], commands=["-config"]
        )
        await client.config_set("maxmemory-policy", "allkeys-lru")
    async with Redis.from_url(own_server.url.replace("//", "//guest:x@")) as guest:
        (lack,) = await Ledger(guest, "x").durability()
    assert "maxmemory-policy" in lack


def test_hanging_redis_counts_as_unavailable(own_server: OwnRedis) -> None:
    async def hanging_write() -> float:
        started = asyncio.get_running_loop().time()
        async with Redis.from_url(own_server.url) as client, Redis.from_url(own_server.url) as operator:
            await operator.client_pause(60_000, all=False)
            with pytest.raises(LedgerUnavailable, match="TimeoutError"):
                await Ledger(client, "x").publish_event("paused", {})
            await operator.client_unpause()
        return asyncio.get_running_loop().time() - started

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        assert runner.run(hanging_write()) >= CALL_SECONDS
