"""How client programs that were written for the previous updater read the answers of this one."""

import asyncio
from pathlib import Path

import httpx
import pytest

from app.config.settings import WebSettings
from app.ledger import Ledger
from app.queue import Queue, open_pool
from tests.examples import a_release, sha_of
from tests.fakes.world import World
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, a_world, environ, listening, program, running, settled, working_on
from tests.integration.web.programs.clients import Outcome, Program, Shown
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

LONG = 3600.0
"""Seconds until a color becomes healthy; longer than any test."""

SEEN_SECONDS = 5.0
"""The same for a rollout that the test has to see, and that goes live."""


async def recorded(world: World, tag: str) -> str:
    """Waits until the worker has recorded the release `tag`; returns its rollout id."""
    await until(lambda: any(r.tag == tag for r in world.state.accepted))
    return next(r.rollout_id for r in world.state.accepted if r.tag == tag)


def is_misleading(shown: Shown) -> bool:
    return not shown.error or "unknown" in shown.error or "in progress" in shown.error


async def test_a_release_that_goes_live_is_a_success(skills: Program) -> None:
    shown = await skills.apply("v1.1.0")
    assert shown.outcome is Outcome.SUCCESS
    assert (shown.body["new_sha"], shown.body["previous_sha"]) == (sha_of("v1.1.0"), sha_of("v1.0.0"))
    assert "route_switch" in shown.body["steps_completed"]


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("v0.9.0", "v1.0.0 is live, and v0.9.0 is not newer"),
        ("v7.7.7", "no such tag: v7.7.7"),
        ("latest", "latest is not a semantic version such as v1.2.3"),
    ],
)
async def test_refused_tag_is_reported_with_the_reason(skills: Program, web: Listening, tag: str, reason: str) -> None:
    await settled(web, "v1.0.0")
    shown = await skills.apply(tag)
    assert shown.outcome is Outcome.FAILED
    assert reason in str(shown.error)
    assert shown.body["status"] == "failed"


async def test_a_pause_is_shown_with_its_reason(skills: Program) -> None:
    await skills.http.post("/update/pause", json={"reason": "holidays"})
    shown = await skills.apply("v1.1.0")
    assert (shown.outcome, shown.error, shown.body["status"]) == (Outcome.FAILED, "holidays", "failed")


async def test_rolled_back_release_is_shown_with_reason(skills: Program, world: World) -> None:
    world.engine.behave("bot", "v1.1.0", starts=False)
    shown = await skills.apply("v1.1.0")
    assert shown.outcome is (Outcome.FAILED if skills.later else Outcome.ROLLED_BACK)
    assert shown.body["status"] == "rolled_back"
    assert "bot" in str(shown.error)


async def test_failed_build_is_reported_as_a_failure(skills: Program, world: World) -> None:
    world.engine.behave("api", "v1.1.0", builds=False)
    shown = await skills.apply("v1.1.0")
    assert (shown.outcome, is_misleading(shown)) == (Outcome.FAILED, False)


async def test_failed_rollback_names_release_not_kept(skills: Program) -> None:
    shown = await skills.roll_back("f" * 40)
    assert (shown.outcome, is_misleading(shown), shown.body["code"]) == (Outcome.FAILED, False, "release_not_kept")


async def test_apply_waits_for_the_webhooks_rollout(skills: Program, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=SEEN_SECONDS)
    await web.ledger.accept(a_release("v1.1.0"))
    await Queue(web.pool).nudge()
    await running(web, "v1.1.0")
    shown = await skills.apply("v1.1.0")
    assert (shown.outcome, shown.body["rollout_id"]) == (Outcome.SUCCESS, "r-v1.1.0")
    assert [e.tag for e in await web.ledger.history(10)] == ["v1.1.0"]


async def test_apply_does_not_restart_a_failed_tag(skills: Program, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=0.5, starts=False)
    await web.ledger.accept(a_release("v1.1.0"))
    await Queue(web.pool).nudge()
    shown = await skills.apply("v1.1.0")
    assert (shown.outcome, is_misleading(shown)) == (Outcome.FAILED, False)


async def test_concurrent_applies_of_a_tag_all_succeed(skills: Program, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.2.0", ready_after=0.5)
    shown = await asyncio.gather(*(skills.apply("v1.2.0") for _ in range(4)))
    assert {s.outcome for s in shown} == {Outcome.SUCCESS}
    assert [e.result for e in await web.ledger.history(10) if e.result == "success"] == ["success"]


async def test_superseded_release_is_shown_with_reason(skills: Program, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=LONG)
    older = asyncio.create_task(skills.apply("v1.1.0"))
    await running(web, "v1.1.0")
    newer = await skills.apply("v1.2.0")
    shown = await older
    assert (newer.outcome, shown.outcome) == (Outcome.SUCCESS, Outcome.FAILED)
    assert "v1.2.0" in str(shown.error)


async def test_expired_wait_reports_the_rollout_goes_on(impatient: Program, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=LONG)
    shown = await impatient.apply("v1.1.0")
    rollout_id = shown.body["rollout_id"]
    assert (shown.outcome, shown.body["status"], shown.body["code"]) == (Outcome.FAILED, "queued", "not_finished")
    assert "has not ended within 0.3 s. It continues" in str(shown.error)
    assert f"/update/rollouts/{rollout_id}" in str(shown.error)
    await impatient.http.post("/update/cancel", json={"rollout_id": rollout_id})


async def test_release_held_by_a_pause_gives_the_reason(
    settings: WebSettings, web: Listening, worker: Reconciler, world: World
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=LONG)
    async with program(settings, web, later=False, wait=10.0) as skills:
        forced = await skills.http.post(
            "/update/apply", json={"tag": "v1.1.0", "force": True}, headers={"Prefer": "wait=0"}
        )
        await running(web, "v1.1.0")
        waiting = asyncio.create_task(skills.apply("v1.2.0"))
        await recorded(world, "v1.2.0")
        await skills.http.post("/update/pause", json={"reason": "holidays"})
        await skills.http.post("/update/cancel", json={"rollout_id": forced.json()["rollout_id"]})
        shown = await waiting
    assert (shown.outcome, shown.body["status"]) == (Outcome.FAILED, "queued")
    assert "v1.2.0 is waiting: rollouts are paused" in str(shown.error)


async def test_own_preference_gets_the_plain_202(impatient: Program, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=LONG)
    asked = set()
    for prefer in ("wait=0", "wait=1", "respond-async"):
        answer = await impatient.http.post("/update/apply", json={"tag": "v1.1.0"}, headers={"Prefer": prefer})
        assert (answer.status_code, answer.json().keys()) == (202, {"status", "rollout_id"})
        asked.add(answer.json()["rollout_id"])
    assert len(asked) == 1, "asking again starts no second rollout, which would begin after the first one is canceled"
    await running(web, "v1.1.0")
    await impatient.http.post("/update/cancel", json={"rollout_id": asked.pop()})
    await settled(web, "v1.0.0")
    assert world.state.accepted == ()


async def test_disconnect_does_not_end_the_rollout(
    settings: WebSettings, web: Listening, worker: Reconciler, world: World
) -> None:
    """The client disconnects like skills, whose process the release replaces."""
    world.engine.behave("api", "v1.1.0", ready_after=SEEN_SECONDS)
    async with program(settings, web, later=False, wait=LONG) as client:
        waiting = asyncio.create_task(client.apply("v1.1.0"))
        await running(web, "v1.1.0")
        waiting.cancel()
        await client.http.aclose()
        await settled(web, "v1.1.0")
    assert world.state.current is not None
    assert (world.state.current.tag, world.state.active_color) == ("v1.1.0", "green")


async def test_redis_outage_does_not_end_the_wait(own_server: OwnRedis, tmp_path: Path) -> None:
    world, pool = a_world(), open_pool(own_server.url, "x")
    ledger = Ledger(pool, "x")
    world.engine.behave("api", "v1.1.0", ready_after=SEEN_SECONDS)
    settings = WebSettings.from_environ(environ(own_server.url, "x", tmp_path) | {"UPDATER_APPLY_WAIT_SECONDS": "60"})
    async with (
        working_on(world, ledger, pool, own_server.url, tmp_path),
        listening(settings, pool) as web,
        web.client() as http,
    ):
        waiting = asyncio.create_task(Program(http).apply("v1.1.0"))
        await running(web, "v1.1.0")
        await asyncio.to_thread(own_server.stop)
        await asyncio.to_thread(own_server.start)
        shown = await waiting
    await pool.aclose()
    assert shown.outcome is Outcome.SUCCESS, shown


async def test_unpause_ignores_any_body(client: httpx.AsyncClient, worker: Reconciler) -> None:
    for content, kind in ((b'{"reason": 1}', "application/json"), (b"x=1", "text/plain"), (b"\xff", "a/b"), (b"", "")):
        await client.post("/update/pause", json={"reason": "a test"})
        answer = await client.post("/update/unpause", content=content, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()) == (200, {"resumed": True, "status": "ok"})


async def test_cancelled_release_is_shown_as_cancelled(skills: Program, web: Listening, world: World) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=LONG)
    forced = await skills.http.post(
        "/update/apply", json={"tag": "v1.1.0", "force": True}, headers={"Prefer": "wait=0"}
    )
    await running(web, "v1.1.0")
    waiting = asyncio.create_task(skills.apply("v1.2.0"))
    later = await recorded(world, "v1.2.0")
    for rollout_id in (later, forced.json()["rollout_id"]):
        await skills.http.post("/update/cancel", json={"rollout_id": rollout_id})
    shown = await waiting
    assert (shown.outcome, shown.error) == (Outcome.FAILED, "An operator cancelled the rollout: before it began")


async def test_apply_does_not_wait_without_a_worker(settings: WebSettings, web: Listening, world: World) -> None:
    """The status is the last one that the worker published before it ended."""
    await web.ledger.publish_status({"rollout": {"id": "r-1", "tag": "v1.1.0"}})
    async with program(settings, web, later=True, wait=LONG) as skills:
        shown = await skills.apply("v1.1.0")
    assert (shown.outcome, shown.body["code"]) == (Outcome.FAILED, "worker_silent")
