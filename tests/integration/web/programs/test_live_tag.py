"""What a client program reads when it asks for the release that is live already."""

import asyncio

import pytest

from tests.examples import sha_of
from tests.fakes.world import World
from tests.integration.waiting import until
from tests.integration.web.conftest import Listening, running, settled
from tests.integration.web.programs.clients import Outcome, Program
from workers.control.reconcile import Reconciler

pytestmark = pytest.mark.redis

LONG = 3600.0
"""Seconds until a color becomes healthy; longer than any test."""


async def test_the_live_tag_is_a_success_without_steps(skills: Program, web: Listening, world: World) -> None:
    await settled(web, "v1.0.0")
    before = list(world.effects)
    shown = await skills.apply("v1.0.0")
    assert shown.outcome is Outcome.SUCCESS
    body = shown.body
    assert (body["steps_completed"], body["previous_sha"], body["new_sha"]) == ([], sha_of("v1.0.0"), sha_of("v1.0.0"))
    assert (body["active_color"], body["target_color"], body["error"]) == ("blue", "blue", None)
    assert (body["tag"], body["rollout_id"], body["evidence"]) == ("v1.0.0", "r-v1.0.0", {})
    assert (body["duration_seconds"], body["started_at"]) == (0.0, body["completed_at"])
    assert list(world.effects) == before


async def test_the_live_tag_is_a_success_while_paused(skills: Program, web: Listening) -> None:
    await settled(web, "v1.0.0")
    await skills.http.post("/update/pause", json={"reason": "holidays"})
    shown = await skills.apply("v1.0.0")
    assert shown.outcome is Outcome.SUCCESS
    assert (shown.body["paused"], shown.body["pause_reason"]) == (True, "holidays")


async def test_force_rolls_out_the_live_tag_again(skills: Program, web: Listening) -> None:
    await settled(web, "v1.0.0")
    shown = await skills.apply("v1.0.0", force=True)
    assert shown.outcome is Outcome.SUCCESS
    assert (shown.body["target_color"], "route_switch" in shown.body["steps_completed"]) == ("green", True)


async def test_failed_live_release_is_not_a_success(skills: Program, web: Listening, world: World) -> None:
    world.engine.one_ways = {"v1.1.0"}
    world.engine.behave("bot", "v1.1.0", starts=False)
    first = await skills.apply("v1.1.0")
    assert first.outcome is Outcome.FAILED
    await settled(web, "v1.1.0")
    again = await skills.apply("v1.1.0")
    assert (again.outcome, again.error) == (Outcome.FAILED, first.body["pause_reason"])
    await skills.http.post("/update/unpause")
    unpaused = await skills.apply("v1.1.0")
    assert (unpaused.outcome, unpaused.body["code"]) == (Outcome.FAILED, "not_newer")
    assert "its rollout failed" in str(unpaused.error)


async def test_rollback_and_its_repeat_both_succeed(skills: Program, web: Listening) -> None:
    first = await skills.apply("v1.1.0")
    back = await skills.roll_back(first.body["previous_sha"])
    assert (back.outcome, back.body["new_sha"]) == (Outcome.SUCCESS, sha_of("v1.0.0"))
    await settled(web, "v1.0.0")
    again = await skills.roll_back(first.body["previous_sha"])
    assert (again.outcome, again.body["steps_completed"]) == (Outcome.SUCCESS, [])
    assert (again.body["new_sha"], again.body["paused"]) == (sha_of("v1.0.0"), True)


async def test_live_tag_is_no_success_while_another_is_rolled_out(
    skills: Program, web: Listening, world: World
) -> None:
    world.engine.behave("api", "v1.1.0", ready_after=LONG)
    newer = asyncio.create_task(skills.apply("v1.1.0"))
    await running(web, "v1.1.0")
    shown = await skills.apply("v1.0.0")
    assert (shown.outcome, shown.body["code"]) == (Outcome.FAILED, "rollout_running")
    assert "A rollout of v1.1.0 is running and will replace v1.0.0" in str(shown.error)
    await skills.http.post("/update/cancel", json={"rollout_id": (await web.ledger.status() or {})["rollout"]["id"]})
    assert (await newer).outcome is Outcome.FAILED


@pytest.mark.parametrize("call", ["apply", "roll back"])
async def test_release_that_lost_its_traffic_is_not_live(
    skills: Program, web: Listening, world: World, worker: Reconciler, call: str
) -> None:
    await settled(web, "v1.0.0")
    world.route._foreign["broken.yml"] = "http: ["  # so what serves cannot be adopted either
    await worker._reality.hold_back("another program moved the traffic, and no known release serves")
    await until(lambda: _has_no_color(web))
    shown = await (skills.apply("v1.0.0") if call == "apply" else skills.roll_back(sha_of("v1.0.0")))
    assert (shown.outcome, shown.error) == (Outcome.FAILED, world.state.pause_reason)


async def _has_no_color(web: Listening) -> bool:
    status = await web.ledger.status() or {}
    return bool(status.get("paused")) and status.get("active_color") is None


@pytest.mark.parametrize("sha", [sha_of("v1.0.0").upper(), sha_of("v1.0.0")[:7]])
async def test_sha_may_be_upper_case_and_short(skills: Program, web: Listening, sha: str) -> None:
    await settled(web, "v1.0.0")
    assert (await skills.roll_back(sha)).outcome is Outcome.SUCCESS


async def test_null_is_no_value(skills: Program, web: Listening) -> None:
    await settled(web, "v1.0.0")
    assert (await skills.apply("v1.0.0", version=None, force=None)).outcome is Outcome.SUCCESS
