"""What the receiver remembers of the status never decides alone: Redis says whether it is still the published one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from app.config.settings import WebSettings
from app.ledger import Ledger, StatusChanged
from app.queue import open_pool
from app.web.published import seen_status
from deploy.demo.clients import plain_client
from tests.examples import a_release
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.web.conftest import Listening, environ, listening
from tests.integration.web.deliveries import headers, release_body

pytestmark = pytest.mark.redis

OLDER, NEWER = {"current": {"tag": "v1.0.0"}}, {"current": {"tag": "v1.5.0"}}
AT_ONCE, DELIVERIES = 5, 12
PUBLISH_SECONDS = 0.002
"""Less than a delivery takes, so that the status changes within each."""


async def answer(web: Listening, tag: str, number: int) -> str:
    body = release_body(tag=tag, release_id=number)
    async with plain_client(timeout=30) as github:
        sent: httpx.Response = await github.post(f"{web.public}/webhooks/github", content=body, headers=headers(body))
    return str(sent.json()["status"])


async def recorded(ledger: Ledger) -> list[str]:
    return sorted(release.tag for release in await ledger.pending())


async def forgets_the_status(ledger: Ledger, pool: ArqRedis) -> None:
    await pool.delete(ledger.key("status"))


async def loses_everything(ledger: Ledger, pool: ArqRedis) -> None:
    await pool.delete(*[key async for key in pool.scan_iter(f"{ledger.key('')}*")])


@pytest.mark.parametrize("event", [forgets_the_status, loses_everything])
async def test_remembered_status_that_is_gone_refuses_nothing(
    web: Listening, event: Callable[[Ledger, ArqRedis], Awaitable[None]]
) -> None:
    """Without a status nothing is known to be live: what was not wanted before is recorded, and the worker decides."""
    await web.ledger.publish_status(NEWER)
    assert [await answer(web, "v1.6.0", 1), await answer(web, "v1.2.0", 2)] == ["accepted", "ignored"]
    await event(web.ledger, web.pool)
    assert [await answer(web, "v1.2.0", 3), await answer(web, "v1.3.0", 4)] == ["accepted", "accepted"]
    assert set(await recorded(web.ledger)) >= {"v1.2.0", "v1.3.0"}


async def test_first_status_of_the_worker_counts(web: Listening) -> None:
    """The receiver remembers that there was none."""
    assert await answer(web, "v1.1.0", 1) == "accepted"
    await web.ledger.publish_status(NEWER)
    assert [await answer(web, "v1.2.0", 2), await answer(web, "v1.6.0", 3)] == ["ignored", "accepted"]
    assert await recorded(web.ledger) == ["v1.1.0", "v1.6.0"]


async def test_scripts_that_redis_forgot_change_nothing(web: Listening) -> None:
    await web.ledger.publish_status(OLDER)
    assert await answer(web, "v1.1.0", 1) == "accepted"
    await web.pool.script_flush()
    assert [await answer(web, "v1.2.0", 2), await answer(web, "v1.1.0", 1)] == ["accepted", "duplicate"]


async def test_other_version_beside_it_records_the_same(web: Listening) -> None:
    """During a self-update a web process of the version before runs, which says nothing of the status."""
    await web.ledger.publish_status(OLDER)
    assert await web.ledger.accept(a_release("v1.1.0", key="1:1")) is None
    assert [await answer(web, "v1.1.0", 1), await answer(web, "v1.2.0", 2)] == ["duplicate", "accepted"]
    assert (await web.ledger.accept(a_release("v1.2.0", key="1:2"))) is not None
    assert await recorded(web.ledger) == ["v1.1.0", "v1.2.0"]


async def test_outdated_status_records_nothing(ledger: Ledger, pool: ArqRedis) -> None:
    await ledger.publish_status(OLDER)
    outdated = await seen_status(ledger)
    await ledger.publish_status(NEWER)
    with pytest.raises(StatusChanged):
        await ledger.accept(a_release("v1.1.0", key="1:1"), decided_by=outdated.fingerprint)
    assert [key async for key in pool.scan_iter(f"{ledger.key('')}*")] == [ledger.key("status").encode()]


async def test_deliveries_at_once_record_a_release_once(web: Listening) -> None:
    """Both remember the status of before, and both find that it changed."""
    await web.ledger.publish_status(OLDER)
    await answer(web, "v1.1.0", 1)
    await web.ledger.publish_status({**OLDER, "paused": True})
    answers = await asyncio.gather(*(answer(web, "v1.2.0", 2) for _ in range(AT_ONCE)))
    assert sorted(answers) == ["accepted", *["duplicate"] * (AT_ONCE - 1)]
    assert await recorded(web.ledger) == ["v1.1.0", "v1.2.0"]


async def test_status_that_changes_all_the_time_delays_no_delivery(web: Listening) -> None:
    """As during a rollout. What is not wanted by any of them is never recorded."""
    async with changing(web.ledger):
        wanted = [await answer(web, f"v1.6.{n}", 100 + n) for n in range(DELIVERIES)]
        unwanted = [await answer(web, f"v0.9.{n}", 200 + n) for n in range(DELIVERIES)]
    assert set(wanted) == {"accepted"}
    assert set(unwanted) == {"ignored"}
    assert await recorded(web.ledger) == sorted(f"v1.6.{n}" for n in range(DELIVERIES))


async def test_answer_is_what_was_recorded_while_the_live_release_changes(web: Listening) -> None:
    """v1.2.0 and later are wanted by one status and not by the other: each answer is true, and nothing is lost."""
    async with changing(web.ledger):
        tags = [f"v1.2.{n}" for n in range(DELIVERIES)]
        answers = [await answer(web, tag, 300 + n) for n, tag in enumerate(tags)]
    accepted = [tag for tag, said in zip(tags, answers, strict=True) if said == "accepted"]
    assert set(answers) <= {"accepted", "ignored"}
    assert await recorded(web.ledger) == sorted(accepted)


@contextlib.asynccontextmanager
async def changing(ledger: Ledger) -> AsyncIterator[None]:
    """The worker publishes one status after the other."""
    ending = asyncio.Event()

    async def publish() -> None:
        number = 0
        while not ending.is_set():
            number += 1
            await ledger.publish_status({**(OLDER, NEWER)[number % 2], "looked_at": str(number)})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), PUBLISH_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(publish())
        try:
            yield
        finally:
            ending.set()


async def test_restarted_redis_still_decides(own_server: OwnRedis, tmp_path: Path) -> None:
    pool = open_pool(own_server.url, "x")
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path))
    async with listening(settings, pool) as web:
        await web.ledger.publish_status(OLDER)
        assert await answer(web, "v1.1.0", 1) == "accepted"
        await asyncio.to_thread(own_server.stop)
        await asyncio.to_thread(own_server.start)
        assert [await answer(web, "v1.1.0", 1), await answer(web, "v0.9.0", 2)] == ["duplicate", "ignored"]
        await web.ledger.publish_status(NEWER)
        assert [await answer(web, "v1.2.0", 3), await answer(web, "v1.6.0", 4)] == ["ignored", "accepted"]
        assert await recorded(web.ledger) == ["v1.1.0", "v1.6.0"]
    await pool.aclose()
