"""Configs and secrets that have no file on the host: a container that the engine starts has what Compose's have."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.domain.errors import ComposeInvalid, EngineFailed
from tests.integration.engine.sample_stack import BLUE, BOT, Sample, start_one
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.injection import inject
from workers.definition.files.injected_files import InjectedFile
from workers.ports import Definition

pytestmark = pytest.mark.engine

LIMIT = 300.0
TOKEN = "two $words\nand a line"
USES: dict[str, Any] = {
    "secrets": [
        "token",
        {"source": "token", "target": "named"},
        {"source": "token", "target": "/etc/deep/token", "mode": 0o400},
    ],
    "configs": [
        "inline",
        {"source": "inline", "target": "relative"},
        {"source": "inline", "target": "/etc/inline", "mode": 0o600},
        "from-env",
    ],
}
OWNED = {"secrets": [{"source": "token", "target": "owned", "uid": "1000", "gid": "1001", "mode": 0o440}]}
FILES = (
    *("/run/secrets/token", "/run/secrets/named", "/etc/deep/token", "/inline", "/relative", "/etc/inline"),
    "/from-env",
)
DIRECTORIES = ("/run/secrets", "/etc/deep")


def with_files(**service: Any) -> Callable[[Path], None]:
    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        model = yaml.safe_load(file.read_text())
        for name in (BLUE, BOT):
            model["services"][name] |= service
        model["secrets"] = {"token": {"environment": "TOKEN"}}
        model["configs"] = {"inline": {"content": "it is ${TOKEN}"}, "from-env": {"environment": "TOKEN"}}
        file.write_text(yaml.safe_dump(model))

    return edit


@pytest.fixture
def sample(sample: Sample) -> Iterator[Sample]:
    """The sample stack with TOKEN in its `.env`."""
    file = sample.directory / "live" / ".env"
    before = file.read_text()
    file.write_text(f'{before}TOKEN="{TOKEN.replace("$", "$$")}"\n')
    yield sample
    file.write_text(before)


async def started_by_engine(engine: DockerEngine, definition: Definition) -> str:
    created = await engine.create(definition, BOT)
    await engine.resume(created.id)
    return created.id


def seen(sample: Sample, instance: str) -> list[str]:
    """Mode, owner and size of all FILES and DIRECTORIES, and what is in the files."""
    shown = f"stat --format '%n %a %u:%g %s' {' '.join((*FILES, *DIRECTORIES))} && tail -n +1 {' '.join(FILES)}"
    output: Any = sample.client.containers.get(instance).exec_run(["sh", "-c", shown], user="0").output
    return [str(line) for line in output.decode().splitlines()]


async def test_engine_starts_a_container_as_compose_does(sample: Sample) -> None:
    sample.release("v91.0.0", edit=with_files(**USES))
    definition = await sample.built("v91.0.0", BLUE, BOT)
    by_compose = seen(sample, (await start_one(sample.engine, definition, BLUE)).id)
    assert f"/run/secrets/token 444 0:0 {len(TOKEN)}" in by_compose
    assert by_compose == seen(sample, await started_by_engine(sample.engine, definition))


async def test_named_owner_owns_the_file(sample: Sample) -> None:
    """Not compared: Compose takes the container's user instead, and fails if that one has no name."""
    sample.release("v92.0.0", edit=with_files(**OWNED))
    bot = await started_by_engine(sample.engine, await sample.built("v92.0.0", BOT))
    assert f"/run/secrets/owned 440 1000:1001 {len(TOKEN)}" in stat_of(sample, bot, "/run/secrets/owned")


def stat_of(sample: Sample, instance: str, path: str) -> str:
    command = ["stat", "--format", "%n %a %u:%g %s", path]
    output: Any = sample.client.containers.get(instance).exec_run(command, user="0").output
    return str(output.decode())


async def test_interrupted_creation_is_completed(sample: Sample) -> None:
    sample.release("v93.0.0", edit=with_files(**USES))
    definition = await sample.built("v93.0.0", BOT)
    cut_off = Compose(find_compose(), sample.stack.project, sample.host)
    await cut_off.create(definition.path, BOT, 1, LIMIT, {"TOKEN": TOKEN})
    (left,) = await sample.engine.find(BOT)
    assert await started_by_engine(sample.engine, definition) == left.id
    assert "/run/secrets/token" in stat_of(sample, left.id, "/run/secrets/token")


async def test_engine_refuses_a_copy_into_a_read_only_container(sample: Sample) -> None:
    """So the release is refused before, by name: see workers/definition/refusals/unkept.py."""
    sample.release("v94.0.0", edit=with_files(**USES, read_only=True))
    with pytest.raises(ComposeInvalid, match="read_only"):
        await sample.define("v94.0.0")
    sample.release("v95.0.0", edit=with_files(read_only=True))
    definition = await sample.built("v95.0.0", BOT)
    bot = await sample.engine.create(definition, BOT)
    with pytest.raises(EngineFailed, match="read-only"):
        await inject(Docker(sample.client, sample.host), bot.id, [InjectedFile("/site", "text")])
