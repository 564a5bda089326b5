"""Followers at the adoption: what runs of them is what is live, and a rollback brings exactly that back."""

import pytest

from app.domain.rollout import RolloutStatus
from app.domain.stack import Color, Follower
from tests.examples import a_release, a_stack
from tests.fakes.world import World
from workers.adoption.followers import stopped, warnings_of
from workers.control.operator import Operator
from workers.ports import Instance

STACK = a_stack(followers=(Follower("queue", "worker"),))


async def adopted(copies: int) -> World:
    """v1.0.0 was adopted with that many copies of the worker, more than its file says; v1.1.0 has three."""
    world = World(STACK)
    await world.before_the_updater(Color.BLUE)
    for _ in range(copies - 1):
        world.engine.place("worker", "v1.0.0")
    world.engine.unlabel()
    world.engine.behave("worker", "v1.1.0", copies=3)
    await world.worker().start()
    assert world.state.current is not None
    return world


@pytest.mark.parametrize("copies", [1, 2, 4])
async def test_rollback_starts_the_adopted_copies(copies: int) -> None:
    world = await adopted(copies)
    before = {container.id for container in world.engine.containers("worker")}
    world.inbox.put(a_release("v1.1.0"))
    worker = world.worker()
    await worker.reconcile()
    assert world.engine.running("worker") == ["v1.1.0"] * 3
    await Operator(world.ports, worker).roll_back(None)
    await worker.reconcile()
    assert world.publisher.results[-1][0].status is RolloutStatus.SUCCESS
    running = {
        container.id for container in world.engine.containers("worker") if container.runs(world.clock.monotonic())
    }
    assert running == before


def a_copy(name: str, state: str) -> Instance:
    return Instance(name, "worker", state)


@pytest.mark.parametrize(
    ("states", "held", "warning"),
    [
        (["running", "exited"], 0, None),
        (["exited", "restarting", "dead"], 2, "worker does not run, and is kept as it is"),
        ([], 0, "worker has no container"),
    ],
)
def test_copies_that_do_not_run_belong_to_the_release(states: list[str], held: int, warning: str | None) -> None:
    found = {"worker": [a_copy(f"c{n}", state) for n, state in enumerate(states)]}
    assert len(list(stopped(STACK, found))) == held
    said = list(warnings_of(STACK, found))
    assert len(said) == (1 if warning else 0)
    assert not warning or said[0].startswith(warning)
