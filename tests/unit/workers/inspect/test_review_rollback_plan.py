"""What a plan of a rollback says while a rollout runs."""

import asyncio

import pytest

from app.cli.views.rollback_plan import rollback_plan_lines
from tests.examples import a_release
from tests.fakes.world import World
from workers.inspect.rollback_plan import rollback_plan


@pytest.mark.xfail(strict=True, reason="no comparison and no difference are the same in the plan")
async def test_plan_during_a_rollout_claims_nothing_of_values() -> None:
    world = World()
    await world.live("v1.0.0")
    world.inbox.put(a_release("v1.1.0"))
    await world.worker().reconcile()
    world.inbox.put(a_release("v1.2.0"))
    rolling = asyncio.create_task(world.worker().reconcile())
    while not (world.state.rollout and world.state.rollout.running_step):
        await world.clock.sleep(0.1)
    world.engine.changed = {"bot": ("DB_PASSWORD",)}
    plan = await rollback_plan(world.stack, world.ports, None)
    await rolling
    assert plan.blocked_by
    assert "It starts with the values that your files have today." not in list(rollback_plan_lines(plan))
