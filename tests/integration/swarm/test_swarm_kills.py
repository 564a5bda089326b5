"""Row 1 in a swarm: the worker is killed in the steps of releases, under load."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.docker.swarm import SwarmLab
from tests.integration.swarm.lab import RolloutLab, kill, say
from tests.integration.swarm.lab_clients import traefiks_answer
from tests.integration.swarm.lab_stack import two_copies
from tests.integration.swarm.rollout_lab import rollout_lab
from tests.integration.swarm.swarm_sample import SwarmSample

pytestmark = pytest.mark.swarm

STEPS = ("docker_build", "start_skills", "route_switch", "restart_bot", "bake")
TAGS = [f"v1.{number}.0" for number in range(1, len(STEPS) + 1)]


@pytest.fixture
def lab(swarm: SwarmLab, base: str, sample: SwarmSample, tmp_path: Path) -> Iterator[RolloutLab]:
    for tag in ("v1.0.0", *TAGS):
        sample.release(tag, edit=two_copies)
    with rollout_lab(swarm, sample, base, tmp_path, say) as lab:
        yield lab


async def test_killed_worker_ends_like_an_undisturbed_one(lab: RolloutLab) -> None:
    """The next worker waits for the lease of the killed one, which ends by itself, and continues."""
    await traefiks_answer(lab.urls)
    with lab.worker():
        assert (await lab.deploy("v1.0.0"))["status"] == "success"
    async with lab.watched("worker killed in each step") as (seen, bots):
        for step, tag in zip(STEPS, TAGS, strict=True):
            with lab.worker() as worker:
                deploying = asyncio.create_task(lab.deploy(tag))
                await lab.until_reached(tag, step)
                kill(worker)
            with lab.worker():
                ended = await deploying
                assert ended["status"] == "success", (step, ended)
                say(f"killed in {step}: converged after {await lab.converged(tag, 2):.1f} s")
    assert not [failure for of_one in seen for failure in of_one.failures]
    assert bots.most == 1
