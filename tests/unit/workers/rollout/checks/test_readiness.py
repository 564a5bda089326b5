"""A bot is ready when its own health check passes, regardless of when the engine checks."""

import itertools
from typing import Any

import pytest

from app.domain.rollout import Rollout, RolloutStatus
from app.domain.step import step_named
from tests.examples import a_release
from tests.fakes.world import World

NEW = a_release("v1.1.0")
RARELY = 30.0
"""Seconds between two checks by the engine."""

FOREVER = 1e6


async def roll_out(world: World, **bot: Any) -> Rollout:
    world.engine.behave("bot", "v1.1.0", **{"own_interval": RARELY, **bot})
    world.inbox.put(NEW)
    await world.worker().reconcile()
    return world.publisher.results[-1][0]


def seconds(rollout: Rollout, name: str) -> float:
    return next(step.seconds for step in rollout.steps if step.name == name) or 0.0


def checks(world: World) -> list[float]:
    """The times at which the new bot's own check started."""
    return [at for instance, at in world.engine.checks if instance == "bot v1.1.0"]


async def test_bot_is_ready_before_the_engine_check(world: World) -> None:
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    evidence = ended.evidence(step_named("restart_bot"))
    assert (evidence["own_check"], evidence["checks"]) == ("starting", len(checks(world)))
    assert evidence["gap_seconds"] < 1.5


async def test_check_runs_at_the_stack_files_interval(world: World) -> None:
    ended = await roll_out(world, ready_after=20)
    assert 20 < seconds(ended, "restart_bot") < 21
    pauses = [round(after - before, 2) for before, after in itertools.pairwise(checks(world))]
    assert set(pauses) == {world.stack.checks.interval + 0.05}, "the interval plus the 0.05 s of each check"


async def test_hanging_check_starts_once_and_fails(world: World) -> None:
    ended = await roll_out(world, check_seconds=FOREVER)
    assert (ended.status, ended.reason_code) == (RolloutStatus.ROLLED_BACK, "singleton_never_ready")
    assert "its own check says an earlier run of the check has not ended yet" in str(ended.error)
    assert len(checks(world)) == 1
    assert seconds(ended, "restart_bot") < world.stack.times.ready + 1


async def test_failing_check_is_in_the_reason(world: World) -> None:
    ended = await roll_out(world, check_passes=False)
    assert ended.reason_code == "singleton_never_ready"
    detail = "its own check says exit code 1: bot is not ready, the engine says unhealthy"
    assert f"within 120 s; its container is running, {detail}" in str(ended.error)


async def test_check_cut_short_is_not_the_reason(world: World) -> None:
    ended = await roll_out(world, check_passes=False, check_seconds=10.3)
    assert "its own check says exit code 1: bot is not ready" in str(ended.error)


async def test_unstartable_check_is_in_the_reason(world: World) -> None:
    ended = await roll_out(world, check_starts=False)
    assert ended.reason_code == "singleton_never_ready"
    assert "its own check says exit code 126: /no/such/check: no such file or directory" in str(ended.error)


async def test_engine_verdict_is_used_without_own_check(world: World) -> None:
    world.engine.refuses_checks = True
    ended = await roll_out(world)
    assert ended.status is RolloutStatus.SUCCESS
    assert RARELY <= seconds(ended, "restart_bot") < RARELY + 1
    assert ended.evidence(step_named("restart_bot"))["own_check"] == "healthy"


async def test_outdated_verdict_is_waited_out(world: World) -> None:
    """The engine checked three times too early; its next check is at 40 s."""
    ended = await roll_out(world, own_interval=10, ready_after=35)
    assert ended.status is RolloutStatus.SUCCESS
    assert 40 <= seconds(ended, "restart_bot") < 41


@pytest.mark.parametrize("ends", ["dies", "is restarted"])
async def test_ended_bot_is_not_waited_for(world: World, ends: str) -> None:
    if ends == "dies":
        ended = await roll_out(world, ready_after=60, dies_after=3)
    else:
        look = world.engine.watcher

        def restart(effect: str) -> None:
            look(effect)
            if effect == "start bot v1.1.0":
                world.engine.die("bot")

        world.engine.watcher = restart
        ended = await roll_out(world, ready_after=60)
    assert ended.reason_code == "singleton_never_ready"
    assert seconds(ended, "restart_bot") < 4


async def test_old_bot_returns_before_the_engine_check() -> None:
    world = World()
    world.engine.behave("bot", "v1.0.0", own_interval=RARELY)
    await world.live("v1.0.0")
    ended = await roll_out(world, dies_after=5)
    assert (ended.status, world.engine.running("bot")) == (RolloutStatus.ROLLED_BACK, ["v1.0.0"])
    assert ended.warnings == ()
    assert ended.evidence(step_named("rollback_bot"))["own_check"] == "starting"
    assert seconds(ended, "rollback_bot") < 2


async def test_unready_old_bot_reports_why() -> None:
    world = World()
    world.engine.behave("bot", "v1.0.0", own_interval=RARELY, check_passes=False)
    await world.live("v1.0.0")
    ended = await roll_out(world, dies_after=5)
    (warning,) = ended.warnings
    assert "is not ready: its container is running, its own check says exit code 1: bot is not ready" in warning
