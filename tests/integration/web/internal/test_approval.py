"""Approvals over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from app.auth.callers import make_token
from app.auth.scope import Scope
from app.config.release_policy import ReleasePolicy
from app.ledger import Ledger
from tests.examples import a_release, sha_of
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, working_on
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

WAITS = {
    "tag": "v1.1.0",
    "rollout_id": "r-v1.1.0",
    "reason": "approval",
    "until": None,
    "text": f"v1.1.0 ({sha_of('v1.1.0')[:12]}) is waiting for approval. Traffic stays on the live release. Run "
    "`updater approve v1.1.0`, or use the button on the dashboard. The approval is for that commit.",
    "commit": sha_of("v1.1.0"),
    "moved_from": None,
}


@pytest.fixture
async def worker(
    world: World, ledger: Ledger, pool: ArqRedis, redis_url: str, tmp_path: Path
) -> AsyncIterator[Reconciler]:
    """A worker with UPDATE_REQUIRE_APPROVAL=true; v1.1.0 was accepted."""
    await ledger.accept(a_release("v1.1.0"))
    async with working_on(world, ledger, pool, redis_url, tmp_path, policy=ReleasePolicy(approval=True)) as reconciler:
        yield reconciler


async def status(client: httpx.AsyncClient) -> dict[str, Any]:
    content: dict[str, Any] = (await client.get("/status")).json()
    return content


async def approve(client: httpx.AsyncClient, tag: str = "v1.1.0") -> httpx.Response:
    return await client.post("/update/approve", json={"tag": tag})


async def held(client: httpx.AsyncClient) -> None:
    async def is_held() -> bool:
        return [each["commit"] for each in (await status(client))["held_for"]] == [sha_of("v1.1.0")]

    await until(is_held)


async def test_status_lists_a_held_release_and_why(client: httpx.AsyncClient, worker: Reconciler) -> None:
    await held(client)
    shown = await status(client)
    assert (shown["held_for"], shown["queued"], shown["paused"], shown["state"]) == ([WAITS], [], False, "idle")


async def test_an_approved_release_goes_live(client: httpx.AsyncClient, worker: Reconciler) -> None:
    await held(client)
    answer = await approve(client)
    assert (answer.status_code, answer.json()) == (
        202,
        {
            "status": "approved",
            "tag": "v1.1.0",
            "rollout_id": "r-v1.1.0",
            "commit": sha_of("v1.1.0"),
            "held_for": None,
        },
    )

    async def is_live() -> bool:
        return bool((await status(client))["last_good_tag"] == "v1.1.0")

    await until(is_live)
    assert (await status(client))["held_for"] == []


async def test_refused_approval_names_its_reason(client: httpx.AsyncClient, worker: Reconciler) -> None:
    await held(client)
    await client.post("/update/pause", json={"reason": "a holiday"})
    assert (await approve(client)).json()["held_for"]["reason"] == "paused"
    for tag, code, word in (
        ("v1.1.0", 409, "approval_not_needed"),
        ("v9.9.9", 404, "not_waiting"),
        ("-x", 400, "bad_request"),
    ):
        answer = await approve(client, tag)
        assert (answer.status_code, answer.json()["code"]) == (code, word)


async def test_approval_of_another_commit_is_refused(client: httpx.AsyncClient, worker: Reconciler) -> None:
    await held(client)
    answer = await client.post("/update/approve", json={"tag": "v1.1.0", "commit": "b" * 40})
    assert (answer.status_code, answer.json()["code"]) == (409, "tag_moved")
    assert (await status(client))["held"] == ["v1.1.0"]
    body = {"tag": "v1.1.0", "commit": sha_of("v1.1.0")}
    assert (await client.post("/update/approve", json=body)).status_code == 202


async def test_read_token_cannot_approve(client: httpx.AsyncClient, web: Listening, worker: Reconciler) -> None:
    await held(client)
    token = make_token(web.secret_path, Scope.READ, 60)
    async with web.client(Authorization=f"Bearer {token}") as reader:
        assert (await approve(reader)).status_code == 403
    assert (await status(client))["held"] == ["v1.1.0"]
