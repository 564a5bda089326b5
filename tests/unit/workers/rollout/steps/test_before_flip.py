"""The commands that a release runs before its flip, with a failure at every possible point."""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.ran import Ran
from app.domain.rollout import Rollout, RolloutStatus
from app.domain.stack import BeforeFlip, Color
from app.domain.step import step_named
from tests.examples import a_release, a_stack, sha_of, step_names
from tests.fakes.fuse import Crash
from tests.fakes.world import World
from tests.unit.workers.rollout.test_recovery import (
    crash_after,
    ended,
    is_consistent,
    power_on,
    start_again,
    the_release_is_decided,
)
from workers.control.operator import Operator
from workers.ports import Stamp

MIGRATE, REGISTER = "before_flip_1_skills", "before_flip_2_bot"
COMMANDS = (BeforeFlip("skills", ("migrate", "up"), 60), BeforeFlip("bot", ("register",), 30))
RUN_MIGRATE, RUN_REGISTER = "run skills-green v1.1.0 migrate up", "run bot v1.1.0 register"


async def a_world(*commands: BeforeFlip) -> World:
    """v1.0.0 is live on blue; v1.1.0 was accepted."""
    world = World(a_stack(before_flip=commands or COMMANDS))
    await world.live("v1.0.0")
    world.inbox.put(a_release())
    return world


@pytest.fixture
async def world() -> World:
    return await a_world()


def last(world: World) -> Rollout:
    return world.publisher.results[-1][0]


def runs(world: World) -> list[str]:
    return [effect for effect in world.effects if effect.startswith("run ")]


async def test_commands_run_before_the_new_color(
    world: World,
) -> None:
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert last(world).steps_completed == list(step_names(world.stack))
    assert runs(world) == [RUN_MIGRATE, RUN_REGISTER]
    assert world.effects.index("ran bot v1.1.0 register") < world.effects.index("start skills-green v1.1.0")
    assert (last(world).id, "skills-green v1.1.0 says migrate up") in world.publisher.lines
    assert world.engine.running("bot") == ["v1.1.0"]


async def test_failed_command_leaves_live_unchanged(world: World) -> None:
    world.engine.behave("skills", "v1.1.0", exit_code=3)
    await world.worker().reconcile()
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.FAILED, "before_flip_failed")
    assert last(world).failed_step == MIGRATE
    assert runs(world) == [RUN_MIGRATE], "the commands after it do not run"
    assert [world.engine.running(s) for s in ("skills-green", "api-green", "bot")] == [[], [], ["v1.0.0"]]
    is_consistent(world)
    reason = str(world.state.pause_reason)
    assert "exit code 3" in reason
    assert "no such column" in reason
    assert f"Changes that {MIGRATE} made outside the stack are not undone." in reason


async def test_endless_command_is_ended_at_its_limit(world: World) -> None:
    world.engine.behave("skills", "v1.1.0", run_seconds=10_000)
    began = world.clock.monotonic()
    await world.worker().reconcile()
    assert (last(world).reason_code, world.engine.once) == ("before_flip_failed", [])
    assert world.clock.monotonic() - began < 100
    is_consistent(world)


async def test_only_failed_commands_run_again(world: World) -> None:
    world.engine.behave("bot", "v1.1.0", exit_code=1)
    await world.worker().reconcile()
    world.engine.behave("bot", "v1.1.0", exit_code=0)
    world.inbox.put(a_release(key="2:again", rollout_id="r-again", force=True))
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert runs(world) == [RUN_MIGRATE, RUN_REGISTER, RUN_REGISTER]
    assert "skipped" in last(world).evidence(step_named(MIGRATE))
    assert last(world).evidence(step_named(REGISTER)) == {"again": True}


async def test_renamed_services_run_commands_again(world: World) -> None:
    """Another Compose service of the same commit may have another image: its migrations have not run."""
    skills, api = world.stack.routed
    await crash_after(world, "start_skills")
    colors = {color: f"app-{color}" for color in Color}
    bot = replace(world.stack.singletons[0], service="discord")
    world.restack(replace(world.stack, routed=(replace(skills, colors=colors), api), singletons=(bot,)))
    await start_again(world)
    assert last(world).status is RolloutStatus.SUCCESS
    assert runs(world)[2:] == ["run app-green v1.1.0 migrate up", "run discord v1.1.0 register"]


def test_command_in_the_other_color_is_the_same(world: World) -> None:
    ran = Ran.of(sha_of("v1.1.0"), COMMANDS[0], world.stack)
    assert ran.services == ("skills-blue", "skills-green")
    assert Ran.of(sha_of("v1.1.0"), COMMANDS[1], world.stack).services == ("bot",)


async def test_another_commit_runs_commands_again(world: World) -> None:
    await world.worker().reconcile()
    world.inbox.put(a_release("v1.2.0"))
    await world.worker().reconcile()
    assert runs(world)[2:] == ["run skills-blue v1.2.0 migrate up", "run bot v1.2.0 register"]


async def test_rollback_runs_no_command(world: World) -> None:
    worker = world.worker()
    await worker.reconcile()
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert (last(world).release.tag, last(world).status) == ("v1.0.0", RolloutStatus.SUCCESS)
    assert runs(world) == [RUN_MIGRATE, RUN_REGISTER]


@pytest.mark.parametrize("newer", [True, False], ids=["overtaken", "cancelled"])
async def test_command_is_never_interrupted(world: World, newer: bool) -> None:
    world.engine.behave("skills", "v1.1.0", run_seconds=50)
    worker = world.worker()
    rolling = asyncio.create_task(worker.reconcile())
    while RUN_MIGRATE not in world.effects:
        await world.clock.sleep(0.1)
    if newer:
        world.inbox.put(a_release("v1.2.0", after=1))
        await worker.reconcile()
    else:
        await Operator(world.ports, worker).cancel("r-v1.1.0")
    await rolling
    assert "ran skills-green v1.1.0 migrate up" in world.effects
    assert RUN_REGISTER not in world.effects
    assert world.publisher.results[0][0].reason_code == ("superseded" if newer else "cancelled")
    is_consistent(world)


@pytest.mark.parametrize("step", [MIGRATE, REGISTER])
async def test_interrupted_command_is_cleared_and_rerun(step: str) -> None:
    world = await a_world()
    await crash_after(world, step)
    await start_again(world)
    assert ended(world) == [("v1.1.0", RolloutStatus.FAILED, "interrupted"), ("v1.1.0", RolloutStatus.SUCCESS, None)]
    assert world.engine.once == []
    is_consistent(world)


async def moments(*, bad: bool) -> int:
    world = await a_world()
    world.engine.behave("bot", "v1.1.0", exit_code=1 if bad else 0)
    begun = world.fuse.burnt
    await world.worker().reconcile()
    return world.fuse.burnt - begun


@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
async def test_kill_leaves_no_command_and_repeats_none(
    bad: bool,
) -> None:
    """Kills at every moment before and after each effect and each write.

    The fake engine fails if two commands overlap.
    """
    for moment in range(await moments(bad=bad)):
        world = await a_world()
        world.engine.behave("bot", "v1.1.0", exit_code=1 if bad else 0)
        world.fuse.light(moment)
        with contextlib.suppress(Crash):
            await world.worker().reconcile()
        known = world.state.ran_before(Ran.of(sha_of("v1.1.0"), COMMANDS[0], world.stack))
        before = runs(world).count(RUN_MIGRATE)
        await power_on(world)
        await start_again(world)
        assert world.engine.once == [], f"killed at moment {moment}"
        assert the_release_is_decided(world.state), f"killed at moment {moment}"
        is_consistent(world)
        if known is not None and known.completed:
            assert runs(world).count(RUN_MIGRATE) == before, f"killed at moment {moment}"


async def test_lost_journal_leaves_no_command_running(world: World) -> None:
    await crash_after(world, MIGRATE)
    world.engine.once.append("left")
    world.journal.lose("it was torn")
    await start_again(world)
    assert world.engine.once == []
    assert world.state.active_color is Color.BLUE


JOB = BeforeFlip("migrate")


async def test_job_runs_its_own_command_in_its_own_image() -> None:
    world = await a_world(JOB)
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert runs(world) == ["run migrate v1.1.0"]
    assert ("migrate", sha_of("v1.1.0")) in world.engine.images
    assert world.effects.index("ran migrate v1.1.0") < world.effects.index("start skills-green v1.1.0")
    assert world.engine.containers("migrate") == []


async def test_failed_job_leaves_live_unchanged() -> None:
    world = await a_world(JOB)
    world.engine.behave("migrate", "v1.1.0", exit_code=3)
    await world.worker().reconcile()
    assert (last(world).status, last(world).failed_step) == (RolloutStatus.FAILED, "before_flip_1_migrate")
    is_consistent(world)


async def test_rollback_needs_no_image_of_a_job() -> None:
    """It runs no command, so one whose image is gone is no reason to refuse."""
    world = await a_world(JOB)
    worker = world.worker()
    await worker.reconcile()
    world.engine.images = {image for image in world.engine.images if image[0] != "migrate"}
    world.engine.images |= {(service, sha_of("v1.0.0")) for service in world.stack.services(Color.BLUE)}
    await world.engine.define(Path("/trees", sha_of("v1.0.0")), Stamp("v1.0.0", sha_of("v1.0.0"), "r-v1.0.0"))
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert (last(world).status, last(world).release.tag) == (RolloutStatus.SUCCESS, "v1.0.0")
    assert runs(world) == ["run migrate v1.1.0"]


async def test_job_waits_for_what_it_depends_on() -> None:
    world = await a_world(JOB)
    world.engine.needed["migrate"] = {"db": True, "cache": False}
    world.engine.behave("db", "v1.0.0", ready_after=20)
    for service in ("db", "cache"):
        world.engine.start_by_hand(service, "v1.0.0")
    await world.worker().reconcile()
    assert last(world).status is RolloutStatus.SUCCESS
    assert 20 <= world.engine.at["run migrate v1.1.0"] <= 21


@pytest.mark.parametrize("runs_at_all", [False, True])
async def test_job_without_what_it_depends_on_never_runs(runs_at_all: bool) -> None:
    world = await a_world(JOB)
    world.engine.needed["migrate"] = {"db": True}
    world.engine.behave("db", "v1.0.0", check_passes=False)
    if runs_at_all:
        world.engine.start_by_hand("db", "v1.0.0")
    await world.worker().reconcile()
    assert (last(world).status, last(world).reason_code) == (RolloutStatus.FAILED, "before_flip_failed")
    assert "it depends on db: not ready after " in str(last(world).error)
    assert runs(world) == []
    is_consistent(world)
