"""Releases that go live in a real swarm, with a real worker and two Traefiks."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.demo.docker.swarm import SwarmLab
from tests.integration.engine.sample_stack import BLUE, BOT, GREEN
from tests.integration.swarm.lab import STEP_SECONDS, RolloutLab, say
from tests.integration.swarm.lab_clients import UNDER_WAY, traefiks_answer
from tests.integration.swarm.lab_stack import no_gateway, two_copies
from tests.integration.swarm.rollout_lab import rollout_lab
from tests.integration.swarm.swarm_sample import SwarmSample
from tests.integration.waiting import until

pytestmark = pytest.mark.swarm


@pytest.fixture
def lab(swarm: SwarmLab, base: str, sample: SwarmSample, tmp_path: Path) -> Iterator[RolloutLab]:
    for tag in ("v1.0.0", "v1.1.0", "v1.2.0"):
        sample.release(tag, edit=two_copies)
    for tag in ("v2.0.0", "v2.1.0"):
        sample.release(tag, edit=no_gateway)
    with rollout_lab(swarm, sample, base, tmp_path, say) as lab:
        yield lab


async def test_release_goes_live_and_back_under_load(lab: RolloutLab) -> None:
    await traefiks_answer(lab.urls)
    with lab.worker():
        first = await lab.deploy("v1.0.0")
        assert first["status"] == "success", first
        async with lab.clients() as seen:
            second = await lab.deploy("v1.1.0")
            assert second["status"] == "success", second
            back = await lab.roll_back()
            assert back["status"] in {"success", "rolled_back"}, back
        for of_one in seen:
            assert of_one.requests > 0
            assert not of_one.failures
            assert of_one.versions == {"v1.0.0", "v1.1.0"}
        doctor = await lab.ask("doctor")
    assert await running(lab) == {BLUE: 2, GREEN: 0, BOT: 1}, "what is kept for a rollback has no copies"
    assert not [check for check in doctor["checks"] if check["status"] == "failed"]


async def running(lab: RolloutLab) -> dict[str, int]:
    engine = lab.sample.engine
    return {name: sum(i.running for i in await engine.find(name)) for name in (BLUE, GREEN, BOT)}


async def test_registry_that_is_away_stops_a_release_and_no_rollback(lab: RolloutLab) -> None:
    await traefiks_answer(lab.urls)
    with lab.worker():
        for tag in ("v1.0.0", "v1.1.0"):
            assert (await lab.deploy(tag))["status"] == "success"
        async with lab.clients() as seen:
            with lab.swarm.without_registry():
                refused = await lab.deploy("v1.2.0")
                assert (refused["status"], refused["reason_code"]) == ("failed", "build_failed"), refused
                assert {version for of_one in seen for version in of_one.versions} == {"v1.1.0"}
                back = await lab.roll_back()
                assert back["status"] == "success", back
    assert not [failure for of_one in seen for failure in of_one.failures]
    assert [of_one.versions for of_one in seen] == [{"v1.0.0", "v1.1.0"}] * 2


async def test_traefik_that_does_not_follow_undoes_the_flip(lab: RolloutLab) -> None:
    """Nothing is called live, and the other Traefik leads to the old color again."""
    await traefiks_answer(lab.urls)
    with lab.worker():
        assert (await lab.deploy("v1.0.0"))["status"] == "success"
        async with lab.clients() as (first, _):
            deploying = asyncio.create_task(lab.deploy("v1.1.0"))
            await lab.until_reached("v1.1.0", "git_fetch_tags")
            with lab.frozen_traefik(1):
                failed = await deploying
            assert failed["status"] in {"failed", "rolled_back"}, failed
            assert failed["reason_code"] == "route_not_confirmed", failed
            status = await lab.status()
            assert (status["paused"], status["current"]["tag"]) == (True, "v1.0.0")
            assert not first.failures
    now = await running(lab)
    assert (now[BLUE], now[BOT]) == (2, 1)
    assert now[GREEN] == 2, "the other Traefik may have read the new routes before it froze, so their copies stay"


async def test_node_that_is_lost_in_the_bake_loses_what_it_had_begun(lab: RolloutLab) -> None:
    """One copy of each color is on it. Requests that come afterwards are answered by the other copy."""
    node = lab.swarm.nodes[1]
    lab.with_bot_on(lab.swarm.nodes[0].name)
    await traefiks_answer(lab.urls)
    with lab.worker():
        assert (await lab.deploy("v1.0.0"))["status"] == "success"
        async with lab.clients() as (first, _):
            deploying = asyncio.create_task(lab.deploy("v1.1.0"))
            await lab.until_reached("v1.1.0", "bake")
            lab.swarm.network.cut(node.number)
            try:
                ended = await deploying
                assert ended["status"] in {"success", "rolled_back"}, ended
                ended_at = first.requests
                await until(lambda: first.requests > ended_at + UNDER_WAY, STEP_SECONDS)
                lost = len(first.failures)
                await until(lambda: first.requests > ended_at + 20, STEP_SECONDS)
                assert len(first.failures) == lost <= UNDER_WAY, first.failures
            finally:
                lab.swarm.network.heal(node.number)
        assert (await lab.status())["current"]["tag"] == ("v1.1.0" if ended["status"] == "success" else "v1.0.0")


async def test_bot_on_a_node_that_is_cut_off_has_no_successor(lab: RolloutLab) -> None:
    """It still runs there, and would be the second one as soon as the node is back."""
    node = lab.swarm.nodes[1]
    lab.with_bot_on(node.name)
    await traefiks_answer(lab.urls)
    with lab.worker():
        assert (await lab.deploy("v2.0.0"))["status"] == "success"
        lab.swarm.network.cut(node.number)
        try:
            await lab.until_alarm("singleton_silent")
            failed = await lab.deploy("v2.1.0")
            assert (failed["status"], failed["reason_code"]) == ("rolled_back", "singleton_not_gone"), failed
            assert node.name in failed["error"]
            assert (await lab.status())["current"]["tag"] == "v2.0.0"
        finally:
            lab.swarm.network.heal(node.number)
        await lab.until_alarm(None)
        assert (await running(lab))[BOT] == 1
