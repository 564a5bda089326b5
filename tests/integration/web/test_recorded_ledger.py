"""What the version of 2026-11-26 left in Redis and in its history file is still read."""

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from arq import ArqRedis

from app.domain.history import HistoryEntry
from app.ledger import Ledger
from tests.examples import a_release
from tests.integration.web.conftest import Listening
from workers.adapters.disk.history_file import HistoryFile

pytestmark = pytest.mark.redis

RECORDED = Path(__file__).parents[2] / "samples" / "ledger"
LIVE, FAILED, HELD = "r-b6148e6a6373", "r-9cc1069efe81", "r-v1.3.0"


@pytest.fixture
async def recorded(web: Listening) -> Ledger:
    """The ledger with every key of the record."""
    content = json.loads((RECORDED / "2026-11-26.json").read_text())
    for name, entry in content.items():
        await _write(web.pool, web.ledger.key(name), entry["type"], entry["value"])
    return web.ledger


async def _write(pool: ArqRedis, key: str, kind: str, value: Any) -> None:
    if kind == "string":
        await pool.set(key, value)
    elif kind == "hash":
        await cast(Awaitable[int], pool.hset(key, mapping=value))
    elif kind == "list":
        await cast(Awaitable[int], pool.rpush(key, *value))
    elif kind == "zset":
        await pool.zadd(key, value)
    else:
        for id_, fields in value:
            await pool.xadd(key, fields, id=id_)


async def test_recorded_status_is_served(recorded: Ledger, client: httpx.AsyncClient) -> None:
    published, status = await recorded.status(), (await client.get("/status")).json()
    assert published is not None
    assert status["current"].pop("copies") == {}, "they are not known of a release of then"
    assert status["current"].pop("published_at") is None
    assert [(held.pop("commit"), held.pop("moved_from")) for held in status["held_for"]] == [(None, None)]
    assert {name: status[name] for name in published if name != "queued"} == {
        name: value for name, value in published.items() if name != "queued"
    }
    assert (status["queued"], status["held"]) == (["v1.4.0"], ["v1.3.0"])
    assert status["last_result"].pop("trace_id") is None
    assert status["last_result"] == await recorded.last_result()


async def test_recorded_rollouts_are_served(recorded: Ledger, client: httpx.AsyncClient) -> None:
    for rollout_id, status in ((LIVE, "success"), (FAILED, "failed"), (HELD, "queued")):
        record = (await client.get(f"/update/rollouts/{rollout_id}")).json()
        assert (record, record["status"]) == (await recorded.record(rollout_id), status)
    assert "route_switch" in (await client.get(f"/update/rollouts/{LIVE}/log")).text


async def test_recorded_history_is_served(recorded: Ledger, client: httpx.AsyncClient) -> None:
    entries = (await client.get("/update/history")).json()["entries"]
    assert [(entry["rollout_id"], entry["result"]) for entry in entries] == [(FAILED, "failed"), (LIVE, "success")]
    on_disk = HistoryFile(RECORDED / "2026-11-26-history.jsonl").entries()
    assert on_disk == await recorded.history(10) == [HistoryEntry(**entry) for entry in entries]


async def test_recorded_releases_are_duplicates(recorded: Ledger) -> None:
    known = await recorded.accept(a_release("v1.3.0", key="7:1003", rollout_id="r-another"))
    assert known is not None
    assert known.rollout_id == HELD
    assert [release.tag for release in await recorded.pending()] == ["v1.4.0"]
