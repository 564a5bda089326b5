"""A singleton at the adoption: one that runs outside the project would run twice after the first release."""

from datetime import timedelta

import pytest

from app.domain.rollout import RolloutStatus
from tests.examples import NOW, a_stack
from tests.fakes.world import World
from tests.unit.workers.adoption.test_adopt import NEW as RELEASE
from tests.unit.workers.adoption.test_adopt import outcomes, started, touched, world
from workers.adoption.singletons import stopped, warnings_of
from workers.control.operator import Operator
from workers.ports import Instance, Outsider

__all__ = ["world"]
STACK = a_stack()


@pytest.mark.parametrize(
    ("outsider", "says"),
    [
        (Outsider("zeth-bot", "legacy", named=True), "has the container name of bot and runs in the Compose project"),
        (Outsider("zeth-bot", None, named=True), "has the container name of bot and runs in no Compose project"),
    ],
)
async def test_bot_outside_the_project_refuses_adoption(world: World, outsider: Outsider, says: str) -> None:
    before = await world.route.files()
    world.engine.outsiders["bot"] = [outsider]
    worker = await started(world)
    world.inbox.put(RELEASE)
    await worker.reconcile()
    reason = str(world.state.pause_reason)
    for part in (says, "zeth-bot", "would start a second bot", "docker stop zeth-bot", "correct `project`"):
        assert part in reason
    assert (await world.route.files(), world.state.current, outcomes(world)) == (before, None, [])
    assert touched(world) == []
    world.engine.outsiders.clear()
    await Operator(world.ports, worker).unpause()
    await worker.reconcile()
    assert outcomes(world) == [("v1.1.0", RolloutStatus.SUCCESS, None)]


async def test_bot_of_a_second_stack_is_no_reason_to_refuse(world: World) -> None:
    """It is made from the same file or image, and the project has its own bot."""
    world.engine.outsiders["bot"] = [Outsider("staging-bot-1", "staging"), Outsider("bot-try", None)]
    await started(world)
    assert world.state.current is not None
    assert not world.state.paused


@pytest.mark.parametrize(
    ("outsider", "says"),
    [
        (Outsider("old-bot-1", "old"), "runs bot of the same Compose file and runs in the Compose project old"),
        (Outsider("shop-bot-run-1", "shop"), "in the Compose project shop, but not as its service bot"),
    ],
)
async def test_outside_copy_of_a_missing_bot_refuses_adoption(world: World, outsider: Outsider, says: str) -> None:
    for container in world.engine.containers("bot"):
        container.end()
    world.engine.outsiders["bot"] = [outsider]
    await started(world)
    assert says in str(world.state.pause_reason)
    assert (world.state.current, touched(world)) == (None, [])


async def test_stranger_with_the_bots_image_is_only_warned_of(world: World) -> None:
    """Many services may run the same image, such as python:3.12."""
    for container in world.engine.containers("bot"):
        container.end()
    world.engine.outsiders["bot"] = [Outsider("lonely", None)]
    await started(world)
    assert world.state.current is not None
    warnings = next(data["warnings"] for kind, data in world.publisher.events if kind == "adopted")
    assert "the container lonely runs the image of bot" in warnings[-1]


def bot(state: str, number: int = 1) -> Instance:
    return Instance(f"c{number}", "bot", state, created=NOW + timedelta(seconds=number))


@pytest.mark.parametrize("state", ["restarting", "paused", "exited", "created"])
def test_bot_that_does_not_run_belongs_to_the_release(state: str) -> None:
    found = {"bot": [bot("exited"), bot(state, 2)]}
    assert list(stopped(STACK, found)) == [bot(state, 2)]
    (warning,) = warnings_of(STACK, found)
    assert f"bot does not run (its container is {state})" in warning


def test_bot_that_restarts_goes_before_a_newer_stopped_one() -> None:
    assert list(stopped(STACK, {"bot": [bot("exited", 2), bot("restarting", 1)]})) == [bot("restarting", 1)]


def test_running_bot_needs_no_other_container() -> None:
    found = {"bot": [bot("exited"), bot("running", 2)]}
    assert (list(stopped(STACK, found)), list(warnings_of(STACK, found))) == ([], [])


@pytest.mark.parametrize("found", [{}, {"bot": [bot("dead")]}])
def test_bot_without_a_container_is_a_warning(found: dict[str, list[Instance]]) -> None:
    (warning,) = warnings_of(STACK, found)
    assert "bot has no container" in warning
    assert "no rollback to the adopted release is possible" in warning
    assert list(stopped(STACK, found)) == []


async def test_rollback_starts_a_bot_that_was_stopped_at_the_adoption(world: World) -> None:
    (before,) = world.engine.containers("bot")
    before.end()
    worker = await started(world)
    assert touched(world) == []
    warnings = next(data["warnings"] for kind, data in world.publisher.events if kind == "adopted")
    assert "bot does not run (its container is exited)" in warnings[0]
    world.inbox.put(RELEASE)
    await worker.reconcile()
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert [status for _, status, _ in outcomes(world)] == [RolloutStatus.SUCCESS, RolloutStatus.SUCCESS]
    assert [i.id for i in await world.engine.find("bot") if i.running] == [before.id]


async def test_stopped_bot_stays_stopped_if_the_first_release_fails(world: World) -> None:
    for container in world.engine.containers("bot"):
        container.end()
    world.engine.behave("api", "v1.1.0", status=500)
    worker = await started(world)
    world.inbox.put(RELEASE)
    await worker.reconcile()
    assert [status for _, status, _ in outcomes(world)] == [RolloutStatus.FAILED]
    assert world.engine.running("bot") == []


async def test_bot_outside_the_project_stops_the_first_release() -> None:
    world = World()
    world.engine.outsiders["bot"] = [Outsider("zeth-bot", "legacy", named=True)]
    worker = await started(world)
    world.inbox.put(RELEASE)
    await worker.reconcile()
    assert "would start a second bot" in str(world.state.pause_reason)
    assert (outcomes(world), touched(world)) == ([], [])
