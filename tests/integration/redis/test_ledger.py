"""The ledger on a real Redis."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis

from app.domain.acceptance.ignored import IgnoredRelease
from app.domain.errors import LedgerUnavailable
from app.domain.release import Trigger
from app.ledger import FORGOTTEN, RECORD_SECONDS_KEPT, Ledger
from app.queue import open_pool
from tests.examples import a_history_entry, a_release
from tests.integration.redis.redis_servers import OwnRedis

pytestmark = pytest.mark.redis

AT_ONCE = 100
RELEASE = a_release("v1.1.0", trigger=Trigger.MANUAL, version="one", force=True, delivery="d-1")

IGNORED = IgnoredRelease("1:2", "web-v1.0.0", "octo/shop", "published", "tag", "why", "2026-01-02T03:04:05+00:00")

CALLS: dict[str, Callable[[Ledger], Awaitable[Any]]] = {
    "ping": lambda ledger: ledger.ping(),
    "worker_alive": lambda ledger: ledger.worker_alive(),
    "accept": lambda ledger: ledger.accept(RELEASE),
    "pending": lambda ledger: ledger.pending(),
    "ignore": lambda ledger: ledger.ignore(IGNORED),
    "ignored": lambda ledger: ledger.ignored(),
    "taken": lambda ledger: ledger.taken([RELEASE]),
    "publish_status": lambda ledger: ledger.publish_status({}),
    "status": lambda ledger: ledger.status(),
    "record_result": lambda ledger: ledger.record_result({"rollout_id": "r-1"}, a_history_entry("r-1")),
    "record_decision": lambda ledger: ledger.record_decision(a_history_entry("r-1")),
    "history": lambda ledger: ledger.history(10),
    "last_result": lambda ledger: ledger.last_result(),
    "result": lambda ledger: ledger.result("r-1"),
    "publish_event": lambda ledger: ledger.publish_event("paused", {}),
    "append_log": lambda ledger: ledger.append_log("r-1", ["a line"]),
}


@pytest.fixture
async def own_client(own_server: OwnRedis) -> AsyncIterator[Redis]:
    client = Redis.from_url(own_server.url)
    yield client
    await client.aclose()


async def events(pool: ArqRedis, ledger: Ledger) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in await pool.xrange(ledger.key("events"))]


async def test_accepted_release_is_pending_unchanged(ledger: Ledger) -> None:
    assert await ledger.accept(RELEASE) is None
    assert await ledger.pending() == [RELEASE]


async def test_duplicate_key_returns_the_first_release(ledger: Ledger) -> None:
    await ledger.accept(RELEASE)
    assert await ledger.accept(replace(RELEASE, rollout_id="r-other", delivery="d-2")) == RELEASE
    assert await ledger.pending() == [RELEASE]


async def test_concurrent_accepts_record_one_release(pool: ArqRedis, ledger: Ledger) -> None:
    same = [replace(RELEASE, rollout_id=f"r-{n}") for n in range(AT_ONCE)]
    answers = await asyncio.gather(*(ledger.accept(release) for release in same))
    (first,) = [release for release, known in zip(same, answers, strict=True) if known is None]
    assert {known for known in answers if known is not None} == {first}
    assert await ledger.pending() == [first]
    assert len(await events(pool, ledger)) == 1


async def test_taken_release_stays_known_as_duplicate(ledger: Ledger) -> None:
    await ledger.accept(RELEASE)
    await ledger.taken([RELEASE])
    assert await ledger.pending() == []
    assert await ledger.accept(RELEASE) == RELEASE
    assert await ledger.pending() == [], "a redelivery does not reopen a decided release"


async def test_pending_releases_keep_acceptance_order(ledger: Ledger) -> None:
    releases = [a_release(f"v1.{n}.0", after=n) for n in range(10)]
    for release in (*releases[5:], *releases[:5]):
        await ledger.accept(release)
    assert await ledger.pending() == releases


async def test_taken_removes_only_named_releases(ledger: Ledger) -> None:
    old, new = a_release("v1.1.0"), a_release("v1.2.0", after=1)
    await ledger.accept(old)
    await ledger.accept(new)
    await ledger.taken([])
    assert await ledger.pending() == [old, new]
    await ledger.taken([old, a_release("v9.9.9")])
    assert await ledger.pending() == [new]


async def test_status_returns_the_last_published(ledger: Ledger) -> None:
    assert await ledger.status() is None
    await ledger.publish_status({"state": "updating"})
    await ledger.publish_status({"state": "idle", "pause_reason": "größer"})
    assert await ledger.status() == {"state": "idle", "pause_reason": "größer"}


async def test_results_are_found_by_rollout_and_as_last(ledger: Ledger) -> None:
    assert (await ledger.last_result(), await ledger.result("r-1")) == (None, None)
    for n in (1, 2):
        await ledger.record_result({"rollout_id": f"r-{n}", "status": "success"}, a_history_entry(f"r-{n}"))
    assert await ledger.result("r-1") == {"rollout_id": "r-1", "status": "success"}
    assert await ledger.last_result() == await ledger.result("r-2")


async def test_history_is_newest_first_with_decisions(ledger: Ledger) -> None:
    assert await ledger.history(10) == []
    await ledger.record_result({"rollout_id": "r-1"}, a_history_entry("r-1"))
    await ledger.record_decision(a_history_entry("r-2"))
    await ledger.record_result({"rollout_id": "r-3"}, a_history_entry("r-3"))
    assert await ledger.history(10) == [a_history_entry(f"r-{n}") for n in (3, 2, 1)]
    assert await ledger.history(2) == [a_history_entry(f"r-{n}") for n in (3, 2)]


async def test_history_continues_before_an_entry(ledger: Ledger) -> None:
    for n in range(5):
        await ledger.record_decision(a_history_entry(f"r-{n}"))
    assert [e.rollout_id for e in await ledger.history(2, before="r-3")] == ["r-2", "r-1"]
    assert await ledger.history(2, before="r-unknown") == []


async def test_record_returns_the_last_published(ledger: Ledger) -> None:
    assert await ledger.record("r-1") is None
    for step in ("bake", "prune"):
        await ledger.publish_record({"rollout_id": "r-1", "step": step})
    assert await ledger.record("r-1") == {"rollout_id": "r-1", "step": "prune"}


async def test_forgotten_release_is_still_a_duplicate(pool: ArqRedis, ledger: Ledger) -> None:
    ledger.releases_kept = 3
    releases = [a_release(f"v1.{n}.0", key=f"7:{1000 + n}") for n in range(6)]
    for release in releases:
        assert await ledger.accept(release) is None
    again = [await ledger.accept(release) for release in releases]
    assert [known and known.rollout_id for known in again] == [FORGOTTEN] * 3 + [r.rollout_id for r in releases[3:]]
    assert await pool.zcard(ledger.key("releases:order")) == 3
    assert await ledger.accept(a_release(key="8:1")) is None, "another repository has its own ids"


async def test_restored_ledger_knows_past_releases(ledger: Ledger) -> None:
    entry = a_history_entry("r-1", "v1.1.0", key="7:1001")
    assert await ledger.lost()
    for _ in range(2):
        await ledger.restore([entry])
        assert not await ledger.lost()
        assert await ledger.history(10) == [entry]
    known = await ledger.accept(a_release("v1.1.0", key="7:1001", rollout_id="r-other"))
    assert known is not None
    assert known.rollout_id == "r-1"
    assert await ledger.pending() == []


async def test_durability_reports_unsafe_redis_settings(ledger: Ledger, own_client: Redis) -> None:
    assert await ledger.durability() == []
    for name, value in (("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")):
        await own_client.config_set(name, value)
    problems = await Ledger(own_client, "x").durability()
    assert [line.partition(" is ")[0] for line in problems] == ["appendfsync", "maxmemory-policy"]


async def test_events_keep_order_kind_time_and_data(pool: ArqRedis, ledger: Ledger) -> None:
    await ledger.accept(RELEASE)
    await ledger.publish_event("paused", {"reason": "why"})
    accepted, paused = await events(pool, ledger)
    assert (accepted[b"type"], json.loads(accepted[b"data"])["tag"]) == (b"release.accepted", "v1.1.0")
    assert (paused[b"type"], json.loads(paused[b"data"])) == (b"paused", {"reason": "why"})
    times = [datetime.fromisoformat(event[b"at"].decode()) for event in (accepted, paused)]
    assert times == sorted(times)


async def test_rollout_log_grows_and_expires(pool: ArqRedis, ledger: Ledger) -> None:
    await ledger.append_log("r-1", ["one", "two"])
    await ledger.append_log("r-2", ["not mine"])
    await ledger.append_log("r-1", ["thrée"])
    lines = [fields[b"line"].decode() for _, fields in await pool.xrange(ledger.key("log:r-1"))]
    assert lines == ["one", "two", "thrée"]
    assert 0 < await pool.ttl(ledger.key("log:r-1")) <= RECORD_SECONDS_KEPT


async def test_stacks_share_a_redis_without_mixing(pool: ArqRedis, ledger: Ledger) -> None:
    other = Ledger(pool, ledger.key("other"))
    await ledger.accept(RELEASE)
    await ledger.publish_status({"state": "updating"})
    assert (await other.pending(), await other.status()) == ([], None)
    assert await other.accept(RELEASE) is None


@pytest.mark.parametrize("call", CALLS)
async def test_unreachable_redis_raises_a_named_error(call: str) -> None:
    unreachable = Redis.from_url("redis://127.0.0.1:1/0")
    with pytest.raises(LedgerUnavailable, match="ConnectionError"):
        await CALLS[call](Ledger(unreachable, "x"))
    await unreachable.aclose()


async def test_stopped_redis_raises_until_redis_returns(own_server: OwnRedis, own_client: Redis) -> None:
    ledger = Ledger(own_client, "x")
    await ledger.accept(RELEASE)
    own_server.stop()
    with pytest.raises(LedgerUnavailable):
        await ledger.pending()
    own_server.start()
    assert await ledger.pending() == [RELEASE]


async def test_accepted_release_survives_a_redis_kill(own_server: OwnRedis) -> None:
    pool = open_pool(own_server.url, "x")
    ledger = Ledger(pool, "x")
    assert await ledger.accept(RELEASE) is None
    own_server.kill()
    own_server.start()
    assert await ledger.pending() == [RELEASE]
    assert await ledger.accept(RELEASE) == RELEASE
    await pool.aclose()


async def test_full_redis_refuses_and_records_nothing(own_server: OwnRedis, own_client: Redis) -> None:
    ledger = Ledger(own_client, "x")
    await own_client.config_set("maxmemory", "1")
    with pytest.raises(LedgerUnavailable, match="memory"):
        await ledger.accept(RELEASE)
    assert await own_client.keys("*") == []
    await own_client.config_set("maxmemory", "0")
    assert await ledger.accept(RELEASE) is None, "the redelivery is not treated as a duplicate"


async def test_restored_entry_is_recorded_only_once(ledger: Ledger) -> None:
    entry = a_history_entry("r-1", key="1:1")
    await ledger.restore([entry])
    await ledger.record_result({"rollout_id": "r-1", "status": "success"}, entry)
    await ledger.record_decision(entry)
    assert await ledger.history(10) == [entry]


async def test_later_entry_replaces_an_earlier_entry(ledger: Ledger) -> None:
    entry = a_history_entry("r-1", key="1:1")
    await ledger.record_decision(replace(entry, result="interrupted"))
    await ledger.record_decision(a_history_entry("r-2"))
    again = replace(entry, timestamp="2026-01-02T03:04:09+00:00")
    await ledger.record_result({"rollout_id": "r-1", "status": "success"}, again)
    assert await ledger.history(10) == [again, a_history_entry("r-2")]


async def test_first_of_its_kind_is_an_event(ledger: Ledger) -> None:
    usual = replace(IGNORED, tag="v1.0.0", cause="not_newer")
    other = replace(IGNORED, repository="octo/other", cause="repository")
    for release in (IGNORED, replace(IGNORED, tag="web-v2.0.0"), usual, other, other):
        await ledger.ignore(release)
    found = [event["data"]["tag"] for _, event in await ledger.events_after("0-0", block=0)]
    kinds = {event["type"] for _, event in await ledger.events_after("0-0", block=0)}
    assert (found, kinds) == (["web-v1.0.0", "web-v1.0.0"], {"release.ignored"})


async def test_unreadable_ignored_release_is_left_out(ledger: Ledger, pool: ArqRedis) -> None:
    await cast(Awaitable[int], pool.lpush(ledger.key("ignored"), b"{}"))
    await ledger.ignore(IGNORED)
    assert await ledger.ignored() == [IGNORED]
