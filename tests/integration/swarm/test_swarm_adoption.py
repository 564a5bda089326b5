"""The adoption of services that `docker stack deploy` started, on a real swarm."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.domain.errors import ReleaseNotKept
from app.domain.stack import Color
from tests.integration.contracts.test_engine_adoption import OLD, AdoptionContract, Bench
from tests.integration.engine.sample_stack import BLUE, BOT, GREEN, MOVED
from tests.integration.swarm.swarm_sample import SwarmSample
from tests.integration.waiting import until
from workers.adapters.docker_host.client import PROJECT_LABEL, SERVICE_LABEL

pytestmark = pytest.mark.swarm

DEPLOY_SECONDS = 120


class TestSwarmEngine(AdoptionContract):
    @pytest.fixture
    async def bench(self, sample: SwarmSample) -> Bench:
        """`engine` is a new object at each use, like in a restarted worker."""
        shutil.copytree(sample.release(OLD), sample.stack.directory, dirs_exist_ok=True)
        model = json.loads((await sample.built(OLD)).path.read_text())
        await sample.engine.forget([])
        stack_deploy(sample, {name: model["services"][name]["image"] for name in MOVED})

        async def all_run() -> bool:
            found = [await sample.engine.find(service) for service in MOVED]
            return all(len(each) == 1 and each[0].running for each in found)

        await until(all_run)
        return sample

    async def test_next_release_replaces_what_was_adopted(self, bench: SwarmSample) -> None:
        """It has the color's name, and would run the old release otherwise."""
        blue, bot = await self.adopt(bench)
        await bench.engine.stop(blue.id, 1)
        definition = await bench.built("v2.0.0", BLUE)
        (new,) = await bench.engine.start(definition, [BLUE])
        assert (new.sha, new.adopted, new.running) == (bench.stamp("v2.0.0").sha, False, True)
        assert new.id != blue.id
        assert (await bench.engine.inspect(bot.id)).running
        with pytest.raises(ReleaseNotKept, match=f"the container of {BLUE} \\(its Swarm service was removed\\)"):
            await bench.engine.recall(bench.stamp(OLD), [BLUE])

    async def test_copies_start_again_as_they_were(self, bench: SwarmSample) -> None:
        (green,) = await bench.engine.find(GREEN)
        service = bench.client.services.get(green.id.partition(".")[0])  # type: ignore[no-untyped-call]
        service.scale(2)

        async def run() -> bool:
            return [i.running for i in await bench.engine.find(GREEN)] == [True, True]

        await until(run)
        copies = await bench.engine.find(GREEN)
        assert await bench.engine.adopt(bench.stamp(OLD), Color.GREEN, copies) == []
        assert len({i.host for i in copies}) == 1, "Swarm gives a copy no name of its own"
        await bench.engine.stop(copies[0].id, 1)
        definition = await bench.engine.recall(bench.stamp(OLD, "r-back"), [GREEN])
        assert [i.id for i in await bench.engine.start(definition, [GREEN])] == [i.id for i in copies]

    async def test_bot_outside_the_swarm_is_found(self, bench: SwarmSample) -> None:
        """The same project, on this host: what Compose started before."""
        (bot,) = await bench.engine.find(BOT)
        name = f"{bench.stack.project}-bot-1"
        labels = {PROJECT_LABEL: bench.stack.project, SERVICE_LABEL: BOT}
        left = bench.client.api.create_container(str(bot.image), name=name, labels=labels)["Id"]

        async def nothing_is_outside() -> bool:
            """The left one does not run. A bot of an earlier test may still be ending."""
            return await bench.engine.outside(BOT) == []

        try:
            await until(nothing_is_outside)
            bench.client.api.start(left)
            assert [(each.name, each.project) for each in await bench.engine.outside(BOT)] == [
                (name, bench.stack.project)
            ]
        finally:
            bench.client.api.remove_container(left, force=True)

    async def test_survey_shows_the_copies_of_all_nodes(self, bench: SwarmSample) -> None:
        seen = await bench.engine.survey()
        assert {(each.service, each.name, each.state) for each in seen.containers} == {
            (service, f"{bench.stack.project}_{service}", "running") for service in MOVED
        }

        async def others_are_others() -> bool:
            """Tasks of an earlier test may still be ending."""
            return not [each for each in (await bench.engine.survey()).others if each.service in MOVED]

        await until(others_are_others)
        assert (seen.by_hand, seen.clashes) == (None, ())


def stack_deploy(sample: SwarmSample, images: Mapping[str, str]) -> None:
    """Deploys one copy of each of `images`, by service, as an operator does."""
    file = Path(sample.directory) / "stack.json"
    services = {
        name: {"image": image, "deploy": {"endpoint_mode": "dnsrr"}, "stop_grace_period": "2s"}
        for name, image in images.items()
    }
    file.write_text(json.dumps({"version": "3.8", "services": services}))
    command = ["docker", "--host", sample.host, "stack", "deploy", "--compose-file", str(file), sample.stack.project]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEPLOY_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
