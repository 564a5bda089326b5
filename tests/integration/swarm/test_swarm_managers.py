"""Row 33: managers of a real swarm of three fail over while releases go live under load."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.docker.swarm import SwarmLab
from tests.integration.swarm.lab import RolloutLab, kill, say
from tests.integration.swarm.lab_clients import UNDER_WAY, traefiks_answer
from tests.integration.swarm.lab_stack import beside_the_third
from tests.integration.swarm.rollout_lab import rollout_lab
from tests.integration.swarm.swarm_sample import SwarmSample

pytestmark = [pytest.mark.swarm, pytest.mark.parametrize("swarm", [(3, 3)], indirect=True)]


@pytest.fixture
def lab(swarm: SwarmLab, base: str, sample: SwarmSample, tmp_path: Path) -> Iterator[RolloutLab]:
    """One copy of each color on each of the first two nodes; the bot is on the second one."""
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0"):
        sample.release(tag, edit=beside_the_third)
    with rollout_lab(swarm, sample, base, tmp_path, say) as lab:
        lab.with_bot_on(swarm.nodes[1].name)
        yield lab


@pytest.mark.parametrize("step", ["docker_build", "start_skills", "bake"])
async def test_release_goes_on_when_the_leader_dies(lab: RolloutLab, step: str) -> None:
    await traefiks_answer(lab.urls)
    leader = lab.swarm.nodes[2]
    await asyncio.to_thread(lab.swarm.lead, leader)
    with lab.worker():
        assert (await lab.deploy("v1.0.0"))["status"] == "success"
        async with lab.watched(f"leader dies in {step}") as (seen, bots):
            deploying = asyncio.create_task(lab.deploy("v1.1.0"))
            await lab.until_reached("v1.1.0", step)
            await asyncio.to_thread(lab.swarm.power_off, leader)
            try:
                ended = await deploying
                assert ended["status"] == "success", ended
                say(f"converged after {await lab.converged('v1.1.0', 2):.1f} s")
            finally:
                await asyncio.to_thread(lab.swarm.power_on, leader)
        assert not [failure for of_one in seen for failure in of_one.failures]
        assert bots.most == 1


async def test_another_manager_goes_on_when_the_workers_node_dies(lab: RolloutLab) -> None:
    """Without the lost worker's state: what is live is read from the swarm, and the updater pauses."""
    await traefiks_answer(lab.urls)
    node = lab.swarm.nodes[0]
    with lab.worker("first") as first_worker:
        assert (await lab.deploy("v1.0.0"))["status"] == "success"
        async with lab.watched("the worker's node dies") as ((_, second), bots):
            deploying = asyncio.create_task(lab.deploy("v1.1.0"))
            await lab.until_reached("v1.1.0", "bake")
            deploying.cancel()
            kill(first_worker)
            await asyncio.to_thread(lab.swarm.power_off, node)
            try:
                with lab.worker("second", "data2", place=1):
                    await lab.until_paused()
                    status = await lab.status()
                    say(f"{status['current']['tag']} is live: {status['pause_reason']}")
                    lost = len(second.failures)
                    assert lost <= UNDER_WAY, second.failures
            finally:
                await asyncio.to_thread(lab.swarm.power_on, node)
            with lab.worker("second", "data2", place=1):
                say(f"converged after {await lab.converged(status['current']['tag'], 2):.1f} s")
                await lab.ask("unpause")
                assert (await lab.deploy("v1.2.0"))["status"] == "success"
            assert len(second.failures) == lost
        assert bots.most == 1
