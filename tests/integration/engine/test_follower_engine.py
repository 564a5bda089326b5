"""Followers on a real engine: which copies a rollback starts, which ones stay, and their volumes without a name."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from app.domain.stack import Color, Follower
from tests.integration.engine.sample_stack import Sample
from workers.adapters.docker_host.compose.program import find_compose
from workers.ports import Instance

pytestmark = pytest.mark.engine

WORKER = "worker"
COMPOSE_SECONDS = 300


@pytest.fixture
def crew(sample: Sample) -> Sample:
    return replace(sample, stack=replace(sample.stack, followers=(Follower("queue", WORKER),)))


def release(crew: Sample, tag: str, copies: int) -> str:
    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        model = yaml.safe_load(file.read_text())
        model["services"][WORKER] = {
            "image": "${DEMO_BASE_IMAGE}",
            "pull_policy": "never",
            "command": ["sleep", "3600"],
            "init": True,
            "environment": {"RELEASE": tag},
            "deploy": {"replicas": copies},
            "volumes": ["/data"],
        }
        file.write_text(yaml.safe_dump(model))

    crew.release(tag, edit=edit)
    return tag


async def replaced(crew: Sample, tag: str, rollout: str = "") -> list[Instance]:
    """As the step `follow_<name>` does it: new copies start, then the old ones stop."""
    old = [i for i in await crew.engine.find(WORKER) if i.running]
    definition = await crew.define(tag, rollout)
    await crew.engine.build(definition, [WORKER], lambda _: None)
    new = await crew.engine.create_copies(definition, WORKER)
    for each in new:
        await crew.engine.resume(each.id)
    for each in old:
        await crew.engine.stop(each.id, 1)
    return [await crew.engine.inspect(each.id) for each in new]


def by_hand(crew: Sample, *words: str) -> None:
    command = [*find_compose(), "-p", crew.stack.project, *words]
    env = {"DOCKER_HOST": crew.host, "PATH": "/usr/bin:/bin"}
    subprocess.run(command, cwd=crew.stack.directory, env=env, check=True, timeout=COMPOSE_SECONDS)


async def ids(crew: Sample) -> set[str]:
    return {instance.id for instance in await crew.engine.find(WORKER)}


async def test_rollback_starts_the_adopted_copies(crew: Sample) -> None:
    """As many as ran, although the file says another number."""
    shutil.copytree(crew.release(release(crew, "v81.0.0", 1)), crew.stack.directory, dirs_exist_ok=True)
    by_hand(crew, "up", "--detach", "--scale", f"{WORKER}=3", WORKER)
    adopted = await crew.engine.find(WORKER)
    assert await crew.engine.adopt(crew.stamp("v81.0.0"), Color.BLUE, adopted) == []
    assert len(await replaced(crew, release(crew, "v81.1.0", 2))) == 2
    definition = await crew.engine.recall(crew.stamp("v81.0.0", "r-back"), [WORKER])
    assert await crew.engine.copies(definition, WORKER) == 3
    back = await crew.engine.create_copies(definition, WORKER)
    assert {i.id for i in back} == {i.id for i in adopted}


async def test_prune_keeps_the_copies_of_the_newest_rollout(crew: Sample) -> None:
    first = await replaced(crew, release(crew, "v82.0.0", 2))
    again = await replaced(crew, "v82.0.0", "r-again")
    new = await replaced(crew, release(crew, "v82.1.0", 3))
    assert [len(each) for each in (first, again, new)] == [2, 2, 3]
    await crew.engine.prune([crew.shas["v82.0.0"], crew.shas["v82.1.0"]])
    assert await ids(crew) == {i.id for i in (*again, *new)}
    await crew.engine.prune([crew.shas["v82.1.0"]])
    assert await ids(crew) == {i.id for i in new}


def volume_of(crew: Sample, instance: Instance) -> str:
    (name,) = [m["Name"] for m in crew.client.containers.get(instance.id).attrs["Mounts"] if m["Type"] == "volume"]
    return str(name)


@pytest.mark.parametrize(("copies", "stay"), [(1, True), (2, False)])
async def test_volume_without_a_name_of_one_copy_stays(crew: Sample, copies: int, stay: bool) -> None:
    old = await replaced(crew, release(crew, f"v83.{copies}.0", copies))
    new = await replaced(crew, release(crew, f"v83.{copies}.1", copies))
    before, after = ({volume_of(crew, each) for each in instances} for instances in (old, new))
    assert len(after) == copies
    assert (before == after, before & after) == (stay, before if stay else set())
