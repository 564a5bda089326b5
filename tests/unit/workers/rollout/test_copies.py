"""A routed service with several copies: each is checked, each is a server of the route, and each counts."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.release import Trigger
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import Color
from app.domain.step import step_named
from tests.examples import a_release, sha_of
from tests.fakes.world import World
from tests.unit.workers.rollout.test_recovery import crash_after, crash_in_recovery, start_again

BLUE = tuple(f"shop-api-blue-{n}" for n in (1, 2, 3))
GREEN = tuple(f"shop-api-green-{n}" for n in (1, 2, 3))


@pytest.fixture
async def three() -> World:
    """v1.0.0 is live on blue. It has three copies of the API, and so has v1.1.0."""
    world = World()
    for tag in ("v1.0.0", "v1.1.0"):
        world.engine.behave("api", tag, copies=3)
    await world.live("v1.0.0")
    await world.route.flip(Color.BLUE, "r-v1.0.0", {"api": BLUE})
    world.effects.clear()
    return world


async def roll_out(world: World, tag: str = "v1.1.0") -> Rollout:
    world.inbox.put(a_release(tag))
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


def of_api(world: World) -> dict[str, list[str]]:
    return {color: world.engine.running(f"api-{color}") for color in Color}


def is_as_before(world: World) -> None:
    assert of_api(world) == {"blue": ["v1.0.0"] * 3, "green": []}
    assert world.route.served()[0] is Color.BLUE
    assert world.route.names("api", Color.BLUE) == BLUE
    assert world.state.current is not None
    assert world.state.current.tag == "v1.0.0"
    assert world.outages == []


async def test_each_copy_is_started_checked_and_routed_to(three: World) -> None:
    ended = await roll_out(three)
    assert (ended.status, ended.error) == (RolloutStatus.SUCCESS, None)
    assert ended.evidence(step_named("start_api"))["copies"] == 3
    checked = ended.evidence(step_named("health_api"))
    assert (checked["copies"], len(checked["latency_ms"])) == (3, 3 * three.stack.checks.passes)
    assert three.route.names("api", Color.GREEN) == GREEN
    assert of_api(three) == {"blue": [], "green": ["v1.1.0"] * 3}
    assert {*ended.evidence(step_named("stop_old_color"))["exit_codes"]} == {"skills-blue", *BLUE}
    assert three.state.current is not None
    assert three.state.current.copies == {"skills": 1, "api": 3}
    assert three.outages == []


@pytest.mark.parametrize("bad", [{"status": 500}, {"dies_after": 0.5}, {"check_passes": False}])
@pytest.mark.parametrize("number", [1, 2, 3])
async def test_one_copy_that_is_never_healthy_fails_the_release(three: World, bad: dict[str, Any], number: int) -> None:
    three.engine.behave("api", "v1.1.0", only=number, **bad)
    ended = await roll_out(three)
    assert (ended.status, ended.reason_code) == (RolloutStatus.FAILED, "never_healthy")
    assert f"of 3 copies, {GREEN[number - 1]} is not healthy" in str(ended.error)
    assert three.engine.containers("api-green") == [], "all three were removed"
    is_as_before(three)


BAKE = [{"dies_after": 6.0}, {"dies_after": 6.0, "comes_back": True}, {"fails_after": 6.0, "own_check": False}]


@pytest.mark.parametrize("bad", [*BAKE, {"fails_after": 6.0, "own_interval": 3.0}])
async def test_one_copy_that_fails_in_the_bake_rolls_back(three: World, bad: dict[str, Any]) -> None:
    three.engine.behave("api", "v1.1.0", only=2, **bad)
    ended = await roll_out(three)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "bake_failed")
    assert GREEN[1] in str(ended.error)
    assert of_api(three) == {"blue": ["v1.0.0"] * 3, "green": []}
    assert three.route.names("api", Color.BLUE) == BLUE


@pytest.mark.parametrize("number", [1, 2, 5])
async def test_release_with_another_number_of_copies_goes_live_and_back(three: World, number: int) -> None:
    three.engine.behave("api", "v1.2.0", copies=number)
    await roll_out(three)
    assert (await roll_out(three, "v1.2.0")).status is RolloutStatus.SUCCESS
    assert of_api(three) == {"blue": ["v1.2.0"] * number, "green": []}
    release = a_release("v1.1.0", key="manual:1", rollout_id="r-back", trigger=Trigger.MANUAL)
    three.inbox.put(replace(release, recall=sha_of("v1.1.0"), force=True))
    await three.worker().reconcile()
    assert three.publisher.results[-1][0].status is RolloutStatus.SUCCESS
    assert of_api(three) == {"blue": [], "green": ["v1.1.0"] * 3}
    assert three.route.names("api", Color.GREEN) == GREEN
    assert three.state.current is not None
    assert three.state.current.copies["api"] == 3


STEPS = ("start_skills", "start_api", "health_api", "route_switch", "health_routed_api", "bake", "stop_old_color")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("bad", [{}, {"dies_after": 20.0, "only": 3}])
async def test_killed_worker_leaves_all_copies_or_none(three: World, step: str, bad: dict[str, Any]) -> None:
    three.engine.behave("api", "v1.1.0", **bad)
    await crash_after(three, step)
    await start_again(three)
    if bad and three.state.current is not None and three.state.current.tag == "v1.0.0":
        is_as_before(three)
        return
    assert of_api(three)["green"].count("v1.1.0") >= 2 + (not bad)
    assert of_api(three)["blue"] == []
    assert three.route.names("api", Color.GREEN) == GREEN


@pytest.mark.parametrize("step", ["rollback_route", "rollback_bot", "rollback_stop"])
async def test_killed_rollback_brings_all_copies_back(three: World, step: str) -> None:
    three.engine.behave("api", "v1.1.0", only=1, dies_after=6.0)
    await crash_after(three, "bake")
    await crash_in_recovery(three, step)
    await start_again(three)
    is_as_before(three)


async def test_copy_that_was_removed_during_the_trial_rolls_back(three: World) -> None:
    await crash_after(three, "health_routed_api")
    (gone, *_) = three.engine.containers("api-green")
    gone.end()
    await three.engine.remove(gone.id)
    await start_again(three)
    assert three.publisher.results[-1][0].status is RolloutStatus.ROLLED_BACK
    assert "of 3 containers of api-green, 2 exist" in str(three.publisher.results[-1][0].error)
    assert of_api(three)["blue"] == ["v1.0.0"] * 3
