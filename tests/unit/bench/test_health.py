"""The parts of the health benchmark that need no engine."""

import asyncio

from deploy.bench.health import ASKED, HEALTHY, STEPS
from deploy.bench.method.starts import Start, Starts
from tests.examples import a_stack, step_names


def test_every_figure_maps_to_a_rollout_step() -> None:
    assert [figure.partition(":")[0] for figure in HEALTHY] == list(STEPS)
    assert set(STEPS.values()) < set(step_names(a_stack()))
    assert set(ASKED) == {service.name for service in a_stack().routed}


async def test_start_is_awaited_and_can_be_forgotten() -> None:
    starts = Starts({"bot": Start("old", 1.0)})
    assert (await starts.of("bot")).container == "old"
    starts.forget()
    waiting = asyncio.create_task(starts.of("bot"))
    await asyncio.sleep(0)
    assert not waiting.done()
    starts.seen["bot"] = Start("new", 2.0)
    assert await waiting == Start("new", 2.0)
