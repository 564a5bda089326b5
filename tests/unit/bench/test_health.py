"""The parts of the health benchmark that need no engine."""

import asyncio

from deploy.bench.health import ASKED, HEALTHY, STEPS
from deploy.bench.starts import Start, Starts
from tests.examples import a_stack, step_names


def test_every_figure_has_its_step_and_every_step_is_one_of_a_rollout() -> None:
    assert [figure.partition(":")[0] for figure in HEALTHY] == list(STEPS)
    assert set(STEPS.values()) < set(step_names(a_stack()))
    assert set(ASKED) == {service.name for service in a_stack().routed}


async def test_a_start_is_waited_for_and_one_before_is_forgotten() -> None:
    starts = Starts({"bot": Start("old", 1.0)})
    assert (await starts.of("bot")).container == "old"
    starts.forget()
    waiting = asyncio.create_task(starts.of("bot"))
    await asyncio.sleep(0)
    assert not waiting.done()
    starts.seen["bot"] = Start("new", 2.0)
    assert await waiting == Start("new", 2.0)
