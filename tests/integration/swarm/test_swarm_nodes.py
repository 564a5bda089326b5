"""Rows 31 and 32: a node of a real swarm dies, or cannot pull, while releases go live under load."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.demo.docker.swarm import SwarmLab
from tests.integration.engine.sample_stack import GREEN
from tests.integration.swarm.lab import STEP_SECONDS, RolloutLab, say
from tests.integration.swarm.lab_clients import UNDER_WAY, Seen, traefiks_answer
from tests.integration.swarm.lab_stack import two_copies
from tests.integration.swarm.rollout_lab import rollout_lab
from tests.integration.swarm.swarm_sample import SwarmSample
from tests.integration.waiting import until

pytestmark = pytest.mark.swarm

START_SECONDS = 90.0
"""Longer than the new color takes to start on a busy machine, shorter than anyone waits for a dead node."""


@pytest.fixture
def lab(swarm: SwarmLab, base: str, sample: SwarmSample, tmp_path: Path) -> Iterator[RolloutLab]:
    """One copy of each color on each of two nodes; the bot is on the first one."""
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0"):
        sample.release(tag, edit=two_copies)
    with rollout_lab(swarm, sample, base, tmp_path, say) as lab:
        lab.with_bot_on(swarm.nodes[0].name)
        lab.with_times(start=START_SECONDS, health=START_SECONDS)
        yield lab


async def answered(seen: Seen, more: int) -> None:
    """Waits until that client has sent that many more requests."""
    wanted = seen.requests + more
    await until(lambda: seen.requests > wanted, STEP_SECONDS)


async def dead(lab: RolloutLab, number: int) -> Callable[[], None]:
    """Powers the node off, and returns what powers it on."""
    node = lab.swarm.nodes[number]
    await asyncio.to_thread(lab.swarm.power_off, node)
    return lambda: lab.swarm.power_on(node)


async def test_node_that_dies_before_the_flip_fails_the_release(lab: RolloutLab) -> None:
    """The new color lacks a copy. The live one answers from the other node, and the next release goes live."""
    await traefiks_answer(lab.urls)
    with lab.worker():
        assert (await lab.deploy("v1.0.0"))["status"] == "success"
        async with lab.watched("node dies before the flip") as ((first, _), bots):
            deploying = asyncio.create_task(lab.deploy("v1.1.0"))
            await lab.until_reached("v1.1.0", "start_skills")
            power_on = await dead(lab, 1)
            try:
                failed = await deploying
                assert failed["status"] == "failed", failed
                say(f"{failed['reason_code']}: {failed['error']}")
                assert "route_switch" not in failed["steps_completed"], failed
                assert (await lab.status())["current"]["tag"] == "v1.0.0"
                await answered(first, UNDER_WAY)
                lost = len(first.failures)
                await answered(first, 20)
                assert len(first.failures) == lost <= UNDER_WAY, first.failures
            finally:
                await asyncio.to_thread(power_on)
            say(f"converged after {await lab.converged('v1.0.0', 2):.1f} s")
            await lab.ask("unpause")
            assert (await lab.deploy("v1.2.0"))["status"] == "success"
            assert len(first.failures) == lost
        assert bots.most == 1


async def test_node_that_dies_after_the_release_is_live_is_reported(lab: RolloutLab) -> None:
    """Its copies are missed; a release meanwhile changes nothing that is live; when it is back, a rollback works."""
    await traefiks_answer(lab.urls)
    with lab.worker():
        for tag in ("v1.0.0", "v1.1.0"):
            assert (await lab.deploy(tag))["status"] == "success"
        async with lab.watched("node dies after the release is live") as ((first, _), bots):
            power_on = await dead(lab, 1)
            try:
                await lab.until_alarm("live_copy_down")
                await answered(first, UNDER_WAY)
                lost = len(first.failures)
                failed = await lab.deploy("v1.2.0")
                assert failed["status"] == "failed", failed
                say(f"{failed['reason_code']}: {failed['error']}")
                assert (await lab.status())["current"]["tag"] == "v1.1.0"
                assert len(first.failures) == lost <= UNDER_WAY, first.failures
            finally:
                await asyncio.to_thread(power_on)
            say(f"converged after {await lab.converged('v1.1.0', 2):.1f} s")
            assert (await lab.roll_back())["status"] == "success"
            await lab.converged("v1.0.0", 2)
            assert len(first.failures) == lost
        assert bots.most == 1


async def test_node_that_cannot_pull_fails_the_release(lab: RolloutLab) -> None:
    """The images were pushed, but one node does not reach the registry. Nothing live is touched."""
    await traefiks_answer(lab.urls)
    with lab.worker():
        assert (await lab.deploy("v1.0.0"))["status"] == "success"
        async with lab.watched("registry away at the pull") as (seen, bots):
            with lab.swarm.registry_closed_to(lab.swarm.nodes[1]):
                failed = await lab.deploy("v1.1.0")
            assert failed["status"] == "failed", failed
            say(f"{failed['reason_code']}: {failed['error']}")
            assert {version for of_one in seen for version in of_one.versions} == {"v1.0.0"}
            assert not any(i.running for i in await lab.sample.engine.find(GREEN))
            await lab.ask("unpause")
            assert (await lab.deploy("v1.2.0"))["status"] == "success"
        assert not [failure for of_one in seen for failure in of_one.failures]
        assert bots.most == 1
