"""The internal listener's calls, answered by the real worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.config.settings import WebSettings
from app.queue import open_pool
from app.web.calls.streams import MOST_STREAMS
from tests.examples import a_history_entry, sha_of
from tests.fakes.world import World
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, environ, listening
from tests.promql import exposed, problems, questions
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

WAIT = {"Prefer": "wait=90"}


async def apply(client: httpx.AsyncClient, tag: str, **more: bool) -> httpx.Response:
    return await client.post("/update/apply", json={"tag": tag, **more}, headers=WAIT)


async def published(web: Listening) -> None:
    await until(lambda: _has_status(web))


async def _has_rollout(client: httpx.AsyncClient) -> bool:
    return (await client.get("/status")).json()["rollout"] is not None


async def _has_status(web: Listening) -> bool:
    return (await web.ledger.status() or {}).get("looked_at") is not None


async def test_unchanged_status_is_not_sent_again(web: Listening, client: httpx.AsyncClient) -> None:
    first = await client.get("/status")
    known = {"If-None-Match": first.headers["etag"]}
    for path in ("/status", "/update/status"):
        again = await client.get(path, headers=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    await web.ledger.publish_status({**first.json(), "paused": True})
    changed = await client.get("/status", headers=known)
    assert (changed.status_code, changed.json()["paused"]) == (200, True)


async def test_apply_without_preference_returns_at_once(client: httpx.AsyncClient, worker: Reconciler) -> None:
    answer = await client.post("/update/apply", json={"tag": "v1.1.0"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["location"] == f"/update/rollouts/{answer.json()['rollout_id']}"
    assert "preference-applied" not in answer.headers


async def test_too_short_wait_ends_with_202(client: httpx.AsyncClient, worker: Reconciler) -> None:
    answer = await client.post("/update/apply", json={"tag": "v1.1.0"}, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=0")


async def test_configured_wait_applies_to_every_caller(
    settings: WebSettings, worker: Reconciler, web: Listening
) -> None:
    waiting = settings.model_copy(update={"apply_wait": 30.0})
    async with listening(waiting, web.pool) as patient, patient.client() as client:
        answer = await client.post("/update/apply", json={"tag": "v1.1.0"})
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


async def test_refused_apply_names_its_reason(web: Listening, client: httpx.AsyncClient, worker: Reconciler) -> None:
    await published(web)
    for tag, status, code in (
        ("latest", 400, "tag_invalid"),
        ("2024.01.05", 400, "tag_invalid"),
        ("--upload-pack=x", 400, "bad_request"),
        ("v7.7.7", 404, "tag_not_found"),
        ("1.0.0", 404, "tag_not_found"),
        ("v0.9.0", 400, "not_newer"),
    ):
        answer = await apply(client, tag)
        assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, "failed")
    unordered = await apply(client, "2024.01.05", force=True)
    assert unordered.status_code == 400
    assert 'write `tags: {pattern: "*", order: numbers}` in the stack file' in unordered.json()["error"]
    assert (await apply(client, "v0.9.0", force=True)).status_code == 200


async def test_pause_refuses_apply_unless_forced(client: httpx.AsyncClient, worker: Reconciler) -> None:
    paused = await client.post("/update/pause", json={"reason": " holidays "})
    assert (paused.status_code, paused.json()["pause_reason"]) == (200, "holidays")
    refused = await apply(client, "v1.1.0")
    assert (refused.status_code, refused.json()) == (423, {"error": "holidays", "code": "paused", "status": "failed"})
    assert (await apply(client, "v1.1.0", force=True)).json()["status"] == "success"
    assert (await client.get("/status")).json()["paused"]


async def test_waiting_apply_reports_superseded(client: httpx.AsyncClient, worker: Reconciler, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=20)
    older = asyncio.create_task(apply(client, "v1.1.0"))
    await until(lambda: worker.busy)
    newer = await apply(client, "v1.2.0")
    assert newer.json()["status"] == "success"
    answer = await older
    assert (answer.status_code, answer.json()["status"]) == (500, "superseded")


async def test_a_rollout_is_cancelled_before_its_flip(
    client: httpx.AsyncClient, worker: Reconciler, world: World
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=20)
    waiting = asyncio.create_task(apply(client, "v1.1.0"))
    await until(lambda: _has_rollout(client))
    rollout_id = (await client.get("/status")).json()["rollout"]["id"]
    answer = await client.post("/update/cancel", json={"rollout_id": rollout_id})
    assert (answer.status_code, answer.json()["rollout_id"]) == (202, rollout_id)
    assert (await waiting).json()["reason_code"] == "cancelled"
    again = await client.post("/update/cancel", json={"rollout_id": rollout_id})
    assert (again.status_code, again.json()["code"]) == (404, "unknown_rollout")


async def test_rollback_without_a_release_is_a_404(client: httpx.AsyncClient, worker: Reconciler) -> None:
    for body in (b"", b"{}", json.dumps({"previous_sha": sha_of("v0.1.0")}).encode()):
        answer = await client.post("/update/rollback", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (404, "release_not_kept")


async def test_rollback_defaults_to_previous_release(client: httpx.AsyncClient, worker: Reconciler) -> None:
    await apply(client, "v1.1.0")
    answer = await client.post("/update/rollback", headers=WAIT)
    assert (answer.status_code, answer.json()["tag"]) == (200, "v1.0.0")


async def test_rollback_of_one_way_release_needs_force(
    client: httpx.AsyncClient, worker: Reconciler, world: World
) -> None:
    world.engine.one_ways = {"v1.1.0"}
    await apply(client, "v1.1.0")
    refused = await client.post("/update/rollback", headers=WAIT)
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_roll_back")
    forced = await client.post("/update/rollback", json={"force": True}, headers=WAIT)
    assert (forced.status_code, forced.json()["tag"]) == (200, "v1.0.0")


async def test_notify_test_reaches_every_target(client: httpx.AsyncClient, worker: Reconciler, world: World) -> None:
    answer = await client.post("/notify/test")
    assert (answer.status_code, answer.json()) == (202, {"status": "queued", "targets": 1})
    assert world.notifier.notices[-1].title == "shop: test message"


async def test_the_history_is_read_page_by_page(web: Listening, client: httpx.AsyncClient) -> None:
    for n in range(5):
        await web.ledger.record_decision(a_history_entry(f"r-{n}", f"v{n}"))
    newest = (await client.get("/update/history?limit=2")).json()["entries"]
    older = (await client.get("/update/history?limit=2&before=r-3")).json()["entries"]
    assert [e["rollout_id"] for e in newest + older] == ["r-4", "r-3", "r-2", "r-1"]
    assert (await client.get("/update/history?before=r-0")).json()["entries"] == []
    assert (await client.get("/update/history?before=r-unknown")).json()["entries"] == []
    for query in ("limit=0", "limit=201", "limit=x", "before=a/b"):
        assert (await client.get(f"/update/history?{query}")).status_code == 400


async def test_rollout_record_and_log_can_be_read(client: httpx.AsyncClient, worker: Reconciler) -> None:
    rollout_id = (await apply(client, "v1.1.0")).json()["rollout_id"]
    record = (await client.get(f"/update/rollouts/{rollout_id}")).json()
    assert (record["rollout_id"], record["tag"], record["status"]) == (rollout_id, "v1.1.0", "success")
    log = await client.get(f"/update/rollouts/{rollout_id}/log")
    assert log.headers["content-type"].startswith("text/plain")
    assert "building api-green" in log.text
    for path in ("r-unknown", "r-unknown/log", "a%0ab"):
        answer = await client.get(f"/update/rollouts/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_rollout")


async def test_followed_log_ends_with_the_rollout(client: httpx.AsyncClient, worker: Reconciler) -> None:
    rollout_id = (await client.post("/update/apply", json={"tag": "v1.1.0"})).json()["rollout_id"]
    followed = await client.get(f"/update/rollouts/{rollout_id}/log?follow=1")
    whole = await client.get(f"/update/rollouts/{rollout_id}/log")
    assert followed.text == whole.text
    assert (await client.get(f"/update/rollouts/{rollout_id}")).json()["status"] == "success"


async def frames(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Yields the server-sent events that have data, with their fields; heartbeats and the stream's start have none."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


async def test_events_stream_and_resume_after_last_id(web: Listening, client: httpx.AsyncClient) -> None:
    await web.ledger.publish_event("paused", {"reason": "before"})
    async with client.stream("GET", "/update/events") as answer:
        coming = frames(answer)
        start = await anext(coming)
        await web.ledger.publish_event("paused", {"reason": "first"})
        first = await anext(coming)
    assert "data" not in start
    assert json.loads(first["data"])["data"] == {"reason": "first"}
    await web.ledger.publish_event("resumed", {})
    async with client.stream("GET", "/update/events", headers={"Last-Event-ID": first["id"]}) as answer:
        coming = frames(answer)
        await anext(coming)
        assert json.loads((await anext(coming))["data"])["type"] == "resumed"
    async with client.stream("GET", f"/update/events?last_event_id={start['id']}") as answer:
        coming = frames(answer)
        await anext(coming)
        assert [json.loads((await anext(coming))["data"])["type"] for _ in range(2)] == ["paused", "resumed"]


@pytest.mark.parametrize("last", ["x", "$", "0-0-0", "9" * 30, "-1"])
async def test_invalid_event_id_is_a_400(client: httpx.AsyncClient, last: str) -> None:
    assert (await client.get("/update/events", headers={"Last-Event-ID": last})).status_code == 400


async def test_streams_are_limited_and_end_on_shutdown(settings: WebSettings, web: Listening) -> None:
    async with listening(settings, web.pool) as other, other.client() as client:
        opened = [client.stream("GET", "/update/events") for _ in range(MOST_STREAMS)]
        answers = [await stream.__aenter__() for stream in opened]
        firsts = [await anext(frames(answer)) for answer in answers[:1]]
        assert firsts
        refused = await client.get("/update/events")
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        other.faces.closing.set()
        async with asyncio.timeout(60):
            for answer in answers[1:]:
                await answer.aread()
        for stream in opened:
            await stream.__aexit__(None, None, None)


async def test_metrics_are_prometheus_text(client: httpx.AsyncClient, worker: Reconciler, web: Listening) -> None:
    await published(web)
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'updater_active_color{color="blue"} 1.0' in answer.text


async def test_metrics_have_what_dashboard_and_alerts_ask(client: httpx.AsyncClient, worker: Reconciler) -> None:
    assert (await apply(client, "v1.1.0")).json()["status"] == "success"
    metrics = exposed((await client.get("/metrics")).text)
    assert [problem for question in questions() for problem in problems(question, metrics)] == []
    assert {"updater_last_flip_seconds", "updater_last_gap_seconds"} <= {name for name in metrics if metrics[name]}


async def test_ready_names_the_failing_part(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ready")
    parts = answer.json()["parts"]
    assert (answer.status_code, parts["worker"]["ok"]) == (503, False)
    assert (parts["redis"]["ok"], parts["durability"]["ok"]) == (True, True)


async def test_a_plan_of_a_tag_changes_nothing(client: httpx.AsyncClient, worker: Reconciler, world: World) -> None:
    before = (world.state, list(world.effects))
    answer = await client.get("/update/plan?tag=v1.1.0")
    assert (answer.status_code, answer.json()["tag"]) == (200, "v1.1.0")
    assert (await client.get("/update/plan?tag=v7.7.7")).status_code == 404
    assert (await client.get("/update/plan?tag=--upload-pack")).status_code == 400
    assert (await client.get("/update/plan")).status_code == 400
    assert (world.state.accepted, list(world.effects)) == (before[0].accepted, before[1])


async def test_plan_of_a_rollback_names_the_kept_release(
    client: httpx.AsyncClient, worker: Reconciler, world: World
) -> None:
    assert (await client.get("/update/rollback/plan")).json()["code"] == "release_not_kept"
    await world.journal.update(lambda state: replace(state, previous=state.current, current=None))
    world.engine.changed = {"bot": ("DB_PASSWORD",)}
    answer = await client.get("/update/rollback/plan")
    assert (answer.status_code, answer.json()["tag"]) == (200, "v1.0.0")
    assert answer.json()["changed_values"] == [{"service": "bot", "names": ["DB_PASSWORD"]}]


async def test_diagnostics_report_the_machine(client: httpx.AsyncClient, worker: Reconciler) -> None:
    content = (await client.get("/diagnostics")).json()
    assert content.keys() >= {"git_sha", "git_ref", "containers", "disk_usage", "versions", "state", "active_color"}


async def test_doctor_checks_both_processes(client: httpx.AsyncClient, worker: Reconciler) -> None:
    content = (await client.get("/doctor")).json()
    checks = {check["name"]: check["status"] for check in content["checks"]}
    assert {name: checks[name] for name in ("secret_file", "webhook_secret", "redis")} == dict.fromkeys(
        ("secret_file", "webhook_secret", "redis"), "ok"
    )
    assert len(checks) > 3


async def test_doctor_warns_of_a_short_secret(web: Listening) -> None:
    web.secret_path.write_text("a-short-secret\n")
    async with web.client() as client:
        checks = {check["name"]: check for check in (await client.get("/doctor", timeout=60)).json()["checks"]}
    assert (checks["secret_file"]["status"], "openssl rand" in checks["secret_file"]["remedy"]) == ("warning", True)


async def test_ready_reports_that_redis_can_lose_data(own_server: OwnRedis, tmp_path: Path) -> None:
    pool = open_pool(own_server.url, "x")
    await pool.config_set("appendfsync", "everysec")
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path))
    async with listening(settings, pool) as web, web.client() as client:
        durability = (await client.get("/ready")).json()["parts"]["durability"]
        assert not durability["ok"]
        assert "appendfsync always" in durability["found"]
        await asyncio.to_thread(own_server.stop)
        assert (await client.get("/health")).status_code == 200
        away = await client.get("/ready")
        assert (away.status_code, away.json()["parts"].keys()) == (503, {"redis"})
        silent = await client.get("/status")
        assert (silent.status_code, silent.json()["code"]) == (503, "ledger_unavailable")
        await asyncio.to_thread(own_server.start)
    await pool.aclose()
