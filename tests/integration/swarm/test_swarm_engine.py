"""The engine of a swarm, on a real one: the contract of the port, and what only a swarm does."""

from dataclasses import replace

import pytest

from app.domain.errors import EngineFailed, StartFailed
from deploy.demo.docker.swarm import SwarmLab
from tests.integration.contracts.test_engine import (
    COPIES,
    GRACE,
    NO_START,
    V1,
    V2,
    Bench,
    EngineContract,
    with_releases,
)
from tests.integration.engine.sample_stack import BLUE, BOT, start_one
from tests.integration.swarm.swarm_sample import SwarmSample
from tests.integration.waiting import until
from workers.definition.images.service_images import AT_DIGEST

pytestmark = pytest.mark.swarm


class TestSwarmEngine(EngineContract):
    @pytest.fixture
    def bench(self, sample: SwarmSample) -> Bench:
        return with_releases(sample)


async def test_command_that_is_missing_never_runs(sample: SwarmSample) -> None:
    """Swarm may say so only after the start: then the copy does not become healthy, and its output says why."""
    with_releases(sample)
    definition = await sample.built(NO_START, BLUE)
    try:
        await start_one(sample.engine, definition, BLUE)
    except StartFailed as failed:
        assert failed.service == BLUE  # noqa: PT017 - the other way is as good

    async def is_noticed() -> bool:
        (seen,) = await sample.engine.find(BLUE)
        return seen.restarts > 0

    await until(is_noticed)
    (seen,) = await sample.engine.find(BLUE)
    assert any("no such file" in line for line in await sample.engine.tail(seen.id, 5))


async def test_copies_run_on_both_nodes_by_digest(sample: SwarmSample, swarm: SwarmLab) -> None:
    with_releases(sample)
    started = await sample.engine.start(await sample.built(COPIES, BLUE), [BLUE])
    assert all(AT_DIGEST in str(i.image) and str(i.image).startswith(swarm.registry) for i in started)
    (service,) = sample.client.services.list(filters={"label": f"updater.stack={sample.stack.project}"})
    tasks = service.tasks()  # type: ignore[no-untyped-call]
    assert len({task["NodeID"] for task in tasks}) == len(swarm.nodes)


async def test_singleton_on_a_silent_node_is_not_gone(sample: SwarmSample, swarm: SwarmLab) -> None:
    """Until the node has reported its end: the manager keeps the task's last state."""
    with_releases(sample)
    node = swarm.nodes[1]
    sample = replace(sample, stack=sample.pinned_to(node.name))
    bot = await start_one(sample.engine, await sample.built(V1, BOT), BOT)
    swarm.network.cut(node.number)
    try:

        async def is_silent() -> bool:
            return (await sample.engine.inspect(bot.id)).silent == (node.name,)

        await until(is_silent)
        stopped = await sample.engine.stop(bot.id, GRACE)
        assert (stopped.gone, stopped.silent) == (False, (node.name,))
        with pytest.raises(EngineFailed, match="runs"):
            await sample.engine.remove(bot.id)
    finally:
        swarm.network.heal(node.number)

    async def is_gone() -> bool:
        return (await sample.engine.inspect(bot.id)).gone

    await until(is_gone)


async def test_old_and_new_singleton_are_services_of_their_own(sample: SwarmSample) -> None:
    with_releases(sample)
    old = await start_one(sample.engine, await sample.built(V1, BOT), BOT)
    new = await sample.engine.create(await sample.built(V2, BOT), BOT)
    assert (await sample.engine.inspect(new.id)).gone
    await sample.engine.stop(old.id, GRACE)

    async def is_gone() -> bool:
        return (await sample.engine.inspect(old.id)).gone

    await until(is_gone)
    await sample.engine.resume(new.id)
    assert [(i.running, i.sha) for i in await sample.engine.find(BOT)] == [
        (True, sample.stamp(V2).sha),
        (False, sample.stamp(V1).sha),
    ]
