"""A singleton at the adoption: one that runs outside the project would run twice after the first release."""

import pytest

from app.domain.rollout import RolloutStatus
from tests.fakes.world import World
from tests.unit.workers.adoption.test_adopt import NEW, outcomes, started, touched, world
from workers.control.operator import Operator
from workers.ports import Outsider

__all__ = ["world"]


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
    world.inbox.put(NEW)
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
        (Outsider("lonely", None), "runs the image of bot and runs in no Compose project"),
    ],
)
async def test_outside_copy_of_a_missing_bot_refuses_adoption(world: World, outsider: Outsider, says: str) -> None:
    for container in world.engine.containers("bot"):
        container.end()
    world.engine.outsiders["bot"] = [outsider]
    await started(world)
    assert says in str(world.state.pause_reason)
    assert (world.state.current, touched(world)) == (None, [])


async def test_bot_outside_the_project_stops_the_first_release() -> None:
    world = World()
    world.engine.outsiders["bot"] = [Outsider("zeth-bot", "legacy", named=True)]
    worker = await started(world)
    world.inbox.put(NEW)
    await worker.reconcile()
    assert "would start a second bot" in str(world.state.pause_reason)
    assert (outcomes(world), touched(world)) == ([], [])
