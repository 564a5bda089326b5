"""Anonymous volumes on a real engine: new ones for each release of a color; the bot's data goes on to the next bot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.engine.sample_stack import BLUE, BOT, Sample, start_one
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import NO_VARIABLES, ComposeFiles
from workers.adapters.docker_host.compose.program import find_compose
from workers.ports import Instance

pytestmark = pytest.mark.engine

FILE = "/data/file"

Edit = Callable[[Path], None]


def in_compose(tree: Path) -> None:
    """The services have a volume without a name in the Compose file."""
    model = yaml.safe_load((tree / "docker-compose.yml").read_text())
    for name in (BLUE, BOT):
        model["services"][name]["volumes"] = ["/data"]
    (tree / "docker-compose.yml").write_text(yaml.safe_dump(model))


def in_image(tree: Path) -> None:
    """The images declare a volume."""
    for name in ("skills", "bot"):
        file = tree / name / "Dockerfile"
        file.write_text(f"{file.read_text()}VOLUME /data\n")


@pytest.fixture(params=[(in_compose, 71), (in_image, 72)], ids=["in_compose", "in_image"])
def tags(request: pytest.FixtureRequest, sample: Sample) -> list[str]:
    """Three releases with an anonymous volume, the oldest first."""
    edit, number = request.param
    found = [f"v{number}.{n}.0" for n in range(3)]
    for tag in found:
        sample.release(tag, edit=edit)
    return found


def write(sample: Sample, instance: Instance, text: str) -> None:
    command = ["python3", "-c", f"open({FILE!r}, 'w').write({text!r})"]
    done: Any = sample.client.containers.get(instance.id).exec_run(command, user="0")
    assert done.exit_code == 0, done.output


def read(sample: Sample, instance: Instance) -> str:
    """The file's text; empty if there is none."""
    command = ["python3", "-c", f"import os; print(open({FILE!r}).read() if os.path.exists({FILE!r}) else '')"]
    done: Any = sample.client.containers.get(instance.id).exec_run(command, user="0")
    return str(done.output.decode()).strip()


def volume_of(sample: Sample, instance: Instance) -> str:
    (name,) = [m["Name"] for m in sample.client.containers.get(instance.id).attrs["Mounts"] if m["Type"] == "volume"]
    return str(name)


async def next_bot(sample: Sample, tag: str, *old: Instance) -> Instance:
    """As `hand_over` does it."""
    bot = await sample.engine.create(await sample.built(tag, BOT), BOT)
    for each in old:
        await sample.engine.stop(each.id, 0)
    await sample.engine.resume(bot.id)
    return await sample.engine.inspect(bot.id)


async def test_color_has_new_ones_for_each_release(sample: Sample, tags: list[str]) -> None:
    old = await start_one(sample.engine, await sample.built(tags[0], BLUE), BLUE)
    write(sample, old, "old")
    before = volume_of(sample, old)
    await sample.engine.stop(old.id, 0)
    new = await start_one(sample.engine, await sample.built(tags[1], BLUE), BLUE)
    assert read(sample, new) == ""
    assert before not in {volume.name for volume in sample.client.volumes.list()}, "nothing is left behind"


async def test_next_bot_has_the_data(sample: Sample, tags: list[str]) -> None:
    """Also after the old one was pruned, and after a rollback to it."""
    old = await next_bot(sample, tags[0])
    write(sample, old, "old")
    new = await next_bot(sample, tags[1], old)
    assert read(sample, new) == "old"
    write(sample, new, "new")
    newer = await next_bot(sample, tags[2], new)
    await sample.engine.prune([sample.shas[tag] for tag in tags[1:]])
    assert (await sample.engine.inspect(old.id)).state == "removed"
    await sample.engine.stop(newer.id, 0)
    await sample.engine.remove(newer.id)
    await sample.engine.resume(new.id)
    assert read(sample, await sample.engine.inspect(new.id)) == "new"


async def test_plain_compose_up_keeps_the_bot(sample: Sample, tags: list[str]) -> None:
    """The published definition has the same hash as the bot's container."""
    old = await next_bot(sample, tags[0])
    new = await next_bot(sample, tags[1], old)
    files = ComposeFiles((sample.engine.defined(sample.shas[tags[1]]).path,), sample.directory, (NO_VARIABLES,))
    hashes = await Compose(find_compose(), sample.stack.project, sample.host).hashes(files)
    assert new.labels["com.docker.compose.config-hash"] == hashes[BOT]
