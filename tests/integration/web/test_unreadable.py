"""What another version of the updater stored stops nothing: every other entry is read, and every call answers."""

import json
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from arq.connections import ArqRedis

from app.domain.release import FORGOTTEN, UnreadableRelease
from app.domain.tags import TagRule
from app.ledger import Ledger
from app.ledger.set_aside import UNREADABLE_KEPT
from app.ledger.streams import UNREADABLE
from app.stored import RELEASE
from deploy.demo.clients import plain_client
from tests.examples import a_history_entry, a_release
from tests.fakes.world import World
from tests.integration.web.conftest import Listening
from tests.integration.web.deliveries import headers, release_body
from workers.control.reconcile import Reconciler
from workers.watchdogs.unreadable_releases import UnreadableReleases

pytestmark = pytest.mark.redis

ODD = json.dumps({"key": "7:9", "tag": "v9.0.0", "trigger": "schedule"})
GARBAGE = ("", "{", "[]", "null", '"text"', b"\xff\xfe")


async def put(pool: ArqRedis, key: str, field: str, value: str | bytes) -> None:
    await cast(Awaitable[int], pool.hset(key, field, value))  # type: ignore[arg-type]


async def content(pool: ArqRedis, key: str) -> dict[bytes, bytes]:
    return await cast(Awaitable[dict[bytes, bytes]], pool.hgetall(key))


@pytest.mark.parametrize("value", [ODD, *GARBAGE])
async def test_unreadable_pending_release_stops_no_other(ledger: Ledger, pool: ArqRedis, value: str | bytes) -> None:
    await ledger.accept(a_release("v1.1.0"))
    await put(pool, ledger.key("pending"), "7:9", value)
    await ledger.accept(a_release("v1.2.0", after=1))
    assert [release.tag for release in await ledger.pending()] == ["v1.1.0", "v1.2.0"]
    (aside,) = await ledger.set_aside()
    assert aside == UnreadableRelease("7:9", "v9.0.0" if value == ODD else "")
    raw = value if isinstance(value, bytes) else value.encode()
    assert await content(pool, ledger.key("unreadable")) == {b"7:9": raw}, "nothing of it is lost"
    assert len(await content(pool, ledger.key("pending"))) == 2


async def test_release_readable_again_is_pending_again(ledger: Ledger, pool: ArqRedis) -> None:
    release = a_release("v1.1.0")
    await put(pool, ledger.key("unreadable"), release.key, RELEASE.built.dump_json(release))
    assert await ledger.set_aside() == []
    assert await ledger.pending() == [release]
    assert await content(pool, ledger.key("unreadable")) == {}


async def test_number_of_set_aside_releases_is_bounded(ledger: Ledger, pool: ArqRedis) -> None:
    for number in range(UNREADABLE_KEPT + 20):
        await put(pool, ledger.key("pending"), f"7:{number}", ODD)
    for _ in range(2):
        assert len(await ledger.set_aside()) == UNREADABLE_KEPT + 20
        assert len(await content(pool, ledger.key("unreadable"))) == UNREADABLE_KEPT
        assert len(await content(pool, ledger.key("pending"))) == 20, "the others are not lost"
    await ledger.accept(a_release("v1.1.0"))
    assert [release.tag for release in await ledger.pending()] == ["v1.1.0"]


async def test_unreadable_known_release_is_a_duplicate(ledger: Ledger, pool: ArqRedis) -> None:
    await put(pool, ledger.key("releases"), "7:9", ODD)
    known = await ledger.accept(a_release("v9.0.0", key="7:9"))
    assert known is not None
    assert known.rollout_id == FORGOTTEN
    assert await ledger.known() == []


async def test_worker_rolls_out_beside_an_unreadable_release(
    client: httpx.AsyncClient, worker: Reconciler, world: World, ledger: Ledger, pool: ArqRedis
) -> None:
    await put(pool, ledger.key("pending"), "7:9", ODD)
    assert (await client.get("/status")).status_code == 200
    answer = await client.post("/update/apply", json={"tag": "v1.1.0"}, headers={"Prefer": "wait=90"})
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
    await UnreadableReleases(replace(world.ports, inbox=ledger), TagRule()).look()
    assert list(await content(pool, ledger.key("unreadable"))) == [b"7:9"]


@pytest.mark.parametrize("entry", [*GARBAGE, '{"rollout_id": 7}', '{"rollout_id": "r-1", "tag": "v1", "result": "x"}'])
async def test_unreadable_history_entry_is_left_out(
    ledger: Ledger, pool: ArqRedis, client: httpx.AsyncClient, entry: str | bytes
) -> None:
    await ledger.record_decision(a_history_entry("r-1"))
    await cast(Awaitable[int], pool.lpush(ledger.key("history"), entry))
    await ledger.record_decision(a_history_entry("r-2"))
    assert [found.rollout_id for found in await ledger.history(2)] == ["r-2", "r-1"]
    assert [found.rollout_id for found in await ledger.history(5, before="r-2")] == ["r-1"]
    await ledger.record_result({"rollout_id": "r-2", "status": "success"}, a_history_entry("r-2"))
    answer = await client.get("/update/history")
    assert [found["rollout_id"] for found in answer.json()["entries"]] == ["r-2", "r-1"]
    assert (await client.get("/metrics")).status_code == 200


async def test_unreadable_entry_is_trimmed_like_any_other(ledger: Ledger, pool: ArqRedis) -> None:
    ledger.history_kept = 2
    await cast(Awaitable[int], pool.lpush(ledger.key("history"), "{"))
    for n in range(3):
        await ledger.record_decision(a_history_entry(f"r-{n}"))
    assert [entry.rollout_id for entry in await ledger.history(9)] == ["r-2", "r-1"]


async def test_unreadable_event_is_passed_over(web: Listening, client: httpx.AsyncClient, pool: ArqRedis) -> None:
    await web.ledger.publish_event("paused", {"n": 1})
    key = web.ledger.key("events")
    for fields in ({"kind": "other"}, {"type": "paused", "at": "now", "data": "{"}, {"type": b"\xff", "data": "{}"}):
        await pool.xadd(key, cast(Any, fields))
    await web.ledger.publish_event("paused", {"n": 2})
    events = [event for _, event in await web.ledger.events_after("0-0", block=0)]
    assert [event["type"] for event in events] == ["paused", UNREADABLE, UNREADABLE, UNREADABLE, "paused"]
    async with client.stream("GET", "/update/events", params={"last_event_id": "0-1"}) as answer:
        lines = answer.aiter_lines()
        while '"n": 2' not in (line := await anext(lines)):
            assert "error" not in line


async def test_unreadable_log_entry_is_passed_over(ledger: Ledger, pool: ArqRedis, client: httpx.AsyncClient) -> None:
    await ledger.append_log("r-1", ["one"])
    for fields in ({"text": "other"}, {"line": b"\xff"}):
        await pool.xadd(ledger.key("log:r-1"), cast(Any, fields))
    await ledger.append_log("r-1", ["two"])
    assert (await client.get("/update/rollouts/r-1/log")).text == "one\n\n\ufffd\ntwo\n"


async def test_cut_log_says_how_many_lines_are_gone(ledger: Ledger, client: httpx.AsyncClient) -> None:
    ledger.log_bytes_kept = 1000
    await ledger.append_log("r-1", [f"line {n}".ljust(100) for n in range(20)])
    first, second, *_ = (await client.get("/update/rollouts/r-1/log")).text.splitlines()
    gone = await ledger.lines_dropped("r-1")
    assert first.startswith(f"[the first {gone} lines are not kept here")
    assert second.strip() == f"line {gone}"


OTHER_STATUS = {
    "state": "baking",
    "active_color": "purple",
    "current": {"tag": "v1.0.0", "sha": "abc"},
    "paused": True,
    "pause_reason": "why",
    "looked_at": "yesterday",
    "last_checked_at": 7,
    "alarms": [{"kind": "route_changed", "text": "it changed", "severity": 3}],
    "new_field": {"x": 1},
}


@pytest.mark.parametrize("path", ["/status", "/update/status", "/metrics", "/update/history"])
async def test_status_of_another_version_is_served(web: Listening, client: httpx.AsyncClient, path: str) -> None:
    await web.ledger.publish_status(OTHER_STATUS)
    assert (await client.get(path)).status_code == 200


async def test_readable_fields_of_another_status_are_served(web: Listening, client: httpx.AsyncClient) -> None:
    await web.ledger.publish_status(OTHER_STATUS)
    status = (await client.get("/status")).json()
    assert (status["paused"], status["pause_reason"], status["current"]["tag"]) == (True, "why", "v1.0.0")
    assert (status["state"], status["active_color"], status["new_field"]) == ("idle", None, {"x": 1})
    assert [alarm["kind"] for alarm in status["alarms"]] == ["route_changed", "status_unreadable"]
    assert "active_color, last_checked_at, state" in status["alarms"][1]["text"]


async def test_readiness_survives_another_status(web: Listening, client: httpx.AsyncClient) -> None:
    await web.ledger.publish_status(OTHER_STATUS)
    answer = await client.get("/ready")
    assert answer.json()["parts"]["reconciliation"] == {
        "ok": False,
        "found": "the worker has not checked yet",
        "age_seconds": None,
    }


async def test_webhook_is_accepted_beside_another_status(web: Listening) -> None:
    await web.ledger.publish_status(OTHER_STATUS)
    body = release_body("v1.1.0")
    async with plain_client() as github:
        answer = await github.post(f"{web.public}/webhooks/github", content=body, headers=headers(body))
    assert answer.status_code == 202


@pytest.mark.parametrize("key", ["status", "last_result"])
@pytest.mark.parametrize("value", GARBAGE)
async def test_value_that_is_no_object_is_served_as_none(
    web: Listening, client: httpx.AsyncClient, key: str, value: str | bytes
) -> None:
    await web.pool.set(web.ledger.key(key), value)
    assert (await client.get("/status")).status_code == 200


async def test_result_of_another_version_is_served(web: Listening, client: httpx.AsyncClient) -> None:
    result = {"rollout_id": "r-1", "status": "success", "steps_completed": {"a": 1}, "duration_seconds": "long"}
    await web.ledger.record_result(result, a_history_entry("r-1"))
    last = (await client.get("/status")).json()["last_result"]
    assert (last["rollout_id"], last["status"], last["steps_completed"]) == ("r-1", "success", [])
    assert (await client.get("/metrics")).status_code == 200


async def test_doctor_shows_redis_memory(client: httpx.AsyncClient, worker: Reconciler) -> None:
    answer = await client.get("/doctor")
    (memory,) = (check for check in answer.json()["checks"] if check["name"] == "redis_memory")
    assert (memory["status"], "MiB are used; Redis has no maxmemory" in memory["found"]) == ("ok", True)
