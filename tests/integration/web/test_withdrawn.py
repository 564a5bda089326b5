"""A `deleted` or `unpublished` delivery is recorded before its answer, and is not overtaken by a late `published`."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.domain.withdrawal import WITHDRAWING
from deploy.demo.clients import plain_client
from tests.examples import a_live
from tests.integration.web.conftest import Listening
from tests.integration.web.deliveries import headers, release_body

pytestmark = pytest.mark.redis

AT, LATER = "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"


@pytest.fixture
async def github(web: Listening) -> AsyncIterator[httpx.AsyncClient]:
    async with plain_client(base_url=web.public, timeout=30) as client:
        yield client


async def deliver(github: httpx.AsyncClient, action: str, at: str | None = AT, **change: Any) -> dict[str, Any]:
    release = {"id": 2, "tag_name": "v1.1.0", "draft": at is None, "prerelease": False, "published_at": at}
    body = release_body(action=action, release=release | change)
    answer = await github.post("/webhooks/github", content=body, headers=headers(body))
    content: dict[str, Any] = answer.json()
    return content | {"code": answer.status_code}


@pytest.mark.parametrize("action", sorted(WITHDRAWING))
async def test_waiting_release_is_withdrawn(web: Listening, github: httpx.AsyncClient, action: str) -> None:
    accepted = await deliver(github, "published")
    answer = await deliver(github, action, AT if action == "deleted" else None)
    assert answer == {**accepted, "status": "withdrawn", "code": 200}
    (recorded,) = await web.ledger.withdrawals()
    assert (recorded.key, recorded.tag) == ("1:2", "v1.1.0")
    assert [r.key for r in await web.ledger.pending()] == ["1:2"]


@pytest.mark.parametrize("action", sorted(WITHDRAWING))
async def test_late_release_is_not_accepted(web: Listening, github: httpx.AsyncClient, action: str) -> None:
    assert (await deliver(github, action))["status"] == "withdrawn"
    answer = await deliver(github, "published")
    assert (answer["code"], answer["status"], answer["rollout_id"]) == (200, "withdrawn", None)
    assert await web.ledger.pending() == []
    assert [ignored.cause for ignored in await web.ledger.ignored()] == ["withdrawn"]


async def test_release_published_again_is_accepted(web: Listening, github: httpx.AsyncClient) -> None:
    first = await deliver(github, "published")
    await deliver(github, "unpublished", None)
    answer = await deliver(github, "published", LATER)
    assert (answer["code"], answer["status"]) == (202, "accepted")
    assert answer["rollout_id"] != first["rollout_id"]
    assert (await deliver(github, "released", LATER))["status"] == "duplicate"
    assert await web.ledger.withdrawals() == []


async def test_live_release_is_not_reported_as_withdrawn(web: Listening, github: httpx.AsyncClient) -> None:
    await web.ledger.publish_status({"current": {"tag": a_live("v1.1.0").tag}})
    answer = await deliver(github, "deleted")
    assert (answer["code"], answer["status"]) == (200, "ignored")
    assert "stays live" in answer["reason"]
    assert [w.tag for w in await web.ledger.withdrawals()] == ["v1.1.0"]


async def test_withdrawal_of_a_foreign_tag_is_ignored(web: Listening, github: httpx.AsyncClient) -> None:
    assert (await deliver(github, "deleted", tag_name="web-v1.1.0"))["status"] == "ignored"
    assert await web.ledger.withdrawals() == []
