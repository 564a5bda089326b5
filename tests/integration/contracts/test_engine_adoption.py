"""The contract of an adoption, tested on the fake and on the real engine."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from app.domain.errors import ComposeInvalid, ReleaseNotKept
from app.domain.stack import Color
from tests.examples import sha_of
from tests.fakes.world import World
from tests.integration.engine.sample_stack import BLUE, BOT, GREEN, Sample
from workers.adapters.docker_host.compose.program import find_compose
from workers.ports import Definition, Engine, Instance, Outsider, Stamp

OLD = "v1.0.0"
GRACE = 1.0
COMPOSE_SECONDS = 300


class Bench(Protocol):
    """An engine on which plain Compose runs OLD in both colors, and the bot."""

    @property
    def engine(self) -> Engine: ...
    def stamp(self, tag: str, rollout: str = "") -> Stamp: ...
    async def define(self, tag: str, rollout: str = "") -> Definition: ...


class FakeBench:
    def __init__(self) -> None:
        self.engine = World().engine
        for service in (BLUE, GREEN, BOT):
            self.engine.place(service, OLD)
        self.engine.unlabel()

    def stamp(self, tag: str, rollout: str = "") -> Stamp:
        return Stamp(tag, sha_of(tag), rollout or f"r-{tag}")

    async def define(self, tag: str, rollout: str = "") -> Definition:
        return await self.engine.define(Path("/trees") / sha_of(tag), self.stamp(tag, rollout))


class AdoptionContract:
    async def running(self, bench: Bench) -> list[Instance]:
        return [i for service in (BLUE, BOT) for i in await bench.engine.find(service)]

    async def adopt(self, bench: Bench) -> list[Instance]:
        instances = await self.running(bench)
        assert await bench.engine.adopt(bench.stamp(OLD), Color.BLUE, instances) == []
        return instances

    async def test_adopted_instances_keep_running(self, bench: Bench) -> None:
        before = await self.running(bench)
        assert {(i.rollout, i.sha, i.adopted, i.running) for i in before} == {(None, None, False, True)}
        assert all(i.created for i in before)
        await self.adopt(bench)
        after = await self.running(bench)
        assert [i.id for i in after] == [i.id for i in before]
        stamp = bench.stamp(OLD)
        assert {(i.rollout, i.sha, i.release, i.adopted, i.running) for i in after} == {
            (stamp.rollout, stamp.sha, OLD, True, True)
        }
        assert [i.id for i in await bench.engine.find(BLUE, rollout=stamp.rollout)] == [before[0].id]
        assert {i.rollout for i in await bench.engine.find(GREEN)} == {None}, "the idle color is not adopted"

    async def test_nothing_runs_outside_the_project(self, bench: Bench) -> None:
        assert await bench.engine.outside(BOT) == []
        await self.adopt(bench)
        assert await bench.engine.outside(BOT) == []

    async def test_adoption_can_be_repeated(self, bench: Bench) -> None:
        first = await self.adopt(bench)
        assert [i.id for i in await self.adopt(bench)] == [i.id for i in first]

    async def test_the_last_adoption_says_what_is_adopted(self, bench: Bench) -> None:
        blue, bot = await self.adopt(bench)
        await bench.engine.adopt(bench.stamp(OLD), Color.BLUE, [blue])
        assert {i.id: (i.adopted, i.rollout is not None) for i in await self.running(bench)} == {
            blue.id: (True, True),
            bot.id: (False, False),
        }

    async def test_adopted_release_is_kept(self, bench: Bench) -> None:
        await self.adopt(bench)
        assert await bench.engine.missing(bench.stamp(OLD).sha, [BLUE, BOT]) == []
        assert await bench.engine.one_way(bench.stamp(OLD).sha) is False

    async def test_recall_starts_adopted_containers(self, bench: Bench) -> None:
        instances = await self.adopt(bench)
        for instance in instances:
            await bench.engine.stop(instance.id, GRACE)
        definition = await bench.engine.recall(bench.stamp(OLD, "r-back"), [BLUE, BOT])
        (started,) = await bench.engine.start(definition, [BLUE])
        assert (started.id, started.running, started.rollout) == (instances[0].id, True, "r-back")
        assert [i.id for i in await bench.engine.find(BOT, rollout="r-back")] == [instances[1].id]

    async def test_rebuild_starts_no_adopted_container(self, bench: Bench) -> None:
        blue, _ = await self.adopt(bench)
        await bench.engine.stop(blue.id, GRACE)
        definition = await bench.define(OLD, "r-again")
        await bench.engine.build(definition, [BLUE], lambda _: None)
        (started,) = await bench.engine.start(definition, [BLUE])
        assert (started.running, started.rollout, started.adopted) == (True, "r-again", False)
        assert started.id != blue.id

    async def test_rollout_never_removes_adopted_container(self, bench: Bench) -> None:
        blue, bot = await self.adopt(bench)
        for instance in (blue, bot):
            await bench.engine.stop(instance.id, GRACE)
            await bench.engine.remove(instance.id)
        assert {(await bench.engine.inspect(i.id)).state for i in (blue, bot)} == {"exited"}

    async def test_forgotten_adoption_leaves_its_containers_alone(self, bench: Bench) -> None:
        instances = await self.adopt(bench)
        sha = bench.stamp(OLD).sha
        await bench.engine.forget([sha])
        assert {i.adopted for i in await self.running(bench)} == {True}
        await bench.engine.forget([])
        after = await self.running(bench)
        assert [(i.id, i.running) for i in after] == [(i.id, True) for i in instances]
        assert {(i.adopted, i.sha) for i in after} == {(False, None)}

    async def test_prune_removes_adopted_release_not_kept(self, bench: Bench) -> None:
        _, bot = await self.adopt(bench)
        await bench.engine.stop(bot.id, GRACE)
        await bench.engine.prune([])
        assert (await bench.engine.inspect(bot.id)).state == "removed"
        with pytest.raises(ReleaseNotKept):
            await bench.engine.recall(bench.stamp(OLD), [BLUE])


class TestFakeEngine(AdoptionContract):
    @pytest.fixture
    async def bench(self) -> Bench:
        return FakeBench()


@pytest.mark.engine
class TestDockerEngine(AdoptionContract):
    @pytest.fixture
    def bench(self, sample: Sample) -> Sample:
        """`engine` is a new object at each use, like in a restarted worker."""
        shutil.copytree(sample.release(OLD), sample.stack.directory, dirs_exist_ok=True)
        by_hand(sample, "up", "--detach", "--build", BLUE, GREEN, BOT)
        return sample

    async def test_compose_up_by_hand_changes_nothing(self, bench: Sample) -> None:
        await self.adopt(bench)
        before = ids(bench)
        for model in ([], ["--file", str(bench.engine.published_path)]):
            by_hand(bench, "up", "--detach", BLUE, BOT, options=model)
        assert ids(bench) == before

    async def test_bot_of_another_project_is_found(self, bench: Sample) -> None:
        """With the name that the Compose file gives it, which only one container of the machine can have."""
        (bot,) = await bench.engine.find(BOT)
        bench.client.api.remove_container(bot.id, force=True)
        name, other = f"{bench.stack.project}-the-bot", f"{bench.stack.project}-other"
        labels = {"com.docker.compose.project": other, "com.docker.compose.service": "telegram"}
        copy = bench.client.api.create_container(bot.image, name=name, labels=labels)["Id"]
        try:
            assert await bench.engine.outside(BOT) == [], "it does not run"
            bench.client.api.start(copy)
            assert await bench.engine.outside(BOT) == [Outsider(name, other, named=True)]
        finally:
            bench.client.api.remove_container(copy, force=True)

    async def test_adopted_images_survive_a_rebuild_by_hand(self, bench: Sample) -> None:
        blue, _ = await self.adopt(bench)
        (Path(bench.stack.directory) / "skills" / "VERSION").write_text("v9.9.9\n")
        by_hand(bench, "build", BLUE)
        bench.client.api.remove_container(blue.id, force=True)
        definition = await bench.engine.recall(bench.stamp(OLD, "r-back"), [BLUE])
        (again,) = await bench.engine.start(definition, [BLUE])
        assert (again.image, again.adopted, again.rollout) == (blue.image, False, "r-back")

    async def test_recall_refuses_an_undescribed_container(self, bench: Sample) -> None:
        file = Path(bench.stack.directory) / "docker-compose.yml"
        text = file.read_text()
        assert "  skills-blue:\n" in text
        file.write_text(text.replace("  skills-blue:\n", "  skills-blue:\n    hostname: renamed\n"))
        blue, bot = await self.running(bench)
        assert await bench.engine.adopt(bench.stamp(OLD), Color.BLUE, [blue, bot]) == [BLUE]
        assert await bench.engine.missing(bench.stamp(OLD).sha, [BLUE]) == []
        bench.client.api.remove_container(blue.id, force=True)
        with pytest.raises(ReleaseNotKept, match=f"the container of {BLUE}"):
            await bench.engine.recall(bench.stamp(OLD), [BLUE])

    async def test_adoption_sets_restart_unless_stopped(self, bench: Sample) -> None:
        blue, bot = await self.running(bench)
        bench.client.api.update_container(bot.id, restart_policy={"Name": "always"})
        await self.adopt(bench)
        policies = {
            c.labels["com.docker.compose.service"]: c.attrs["HostConfig"]["RestartPolicy"] for c in bench.containers
        }
        assert policies[BOT]["Name"] == "unless-stopped"
        assert (await bench.engine.inspect(blue.id)).running

    async def test_create_keeps_a_stopped_bot_stopped(self, bench: Sample) -> None:
        """The bot was stopped by hand before the adoption, so it is not part of the release."""
        blue, bot = await self.running(bench)
        bench.client.api.update_container(bot.id, restart_policy={"Name": "always"})
        await bench.engine.stop(bot.id, GRACE)
        await bench.engine.adopt(bench.stamp(OLD), Color.BLUE, [blue])
        await bench.engine.create(await bench.built("v2.0.0", BOT), BOT)
        assert bench.client.api.inspect_container(bot.id)["HostConfig"]["RestartPolicy"]["Name"] == "no"

    async def test_adoption_refuses_a_missing_compose_file(self, bench: Sample) -> None:
        (Path(bench.stack.directory) / "docker-compose.yml").unlink()
        with pytest.raises(ComposeInvalid):
            await bench.engine.adopt(bench.stamp(OLD), Color.BLUE, await self.running(bench))


def ids(sample: Sample) -> set[str]:
    return {str(c.id) for c in sample.containers if c.status == "running"}


def by_hand(sample: Sample, *words: str, options: Sequence[str] = ()) -> None:
    """Runs `docker compose` in the live directory, as an operator does."""
    command = [*find_compose(), *options, "--project-name", sample.stack.project, "--profile", "*", *words]
    env = {"DOCKER_HOST": sample.host, "COMPOSE_BAKE": "false", "DOCKER_BUILDKIT": "1"}
    done = subprocess.run(
        command,
        cwd=sample.stack.directory,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMPOSE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
