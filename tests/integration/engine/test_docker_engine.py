"""DockerEngine on a real Docker Engine and a real Compose, beyond the contract in contracts/test_engine.py."""

import asyncio
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from app.domain.errors import BeforeFlipFailed, ComposeInvalid, EngineFailed, StaleWorker, StartFailed
from app.domain.stack import Color
from deploy.demo.docker.projects import image_tags
from tests.integration.engine.sample_stack import BLUE, BOT, GREEN, MOVED, PROJECT_LABEL, Sample, start_one
from tests.integration.waiting import until
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.own_services.container import own_container
from workers.adapters.docker_host.prune import RELEASE_TAG
from workers.adapters.docker_host.stored.definitions import CURRENT
from workers.definition.labels import SHA_LENGTH

pytestmark = pytest.mark.engine

V1, V2 = "v11.0.0", "v12.0.0"
FOREIGN_COMMAND = ["python3", "-c", "import time; time.sleep(600)"]
KILLED = 137
OWN_GRACE = 600


@pytest.fixture
def stack(sample: Sample) -> Sample:
    """A stack with the releases V1 and V2, whose bots differ."""
    sample.release(V1)
    sample.release(V2)
    return sample


@pytest.fixture
def foreign(stack: Sample, images: tuple[str, str]) -> Iterator[dict[str, Container]]:
    """Foreign containers: one is stopped, and one has the name of the next skills container."""
    base, _ = images
    name = stack.stack.project
    made = {
        "stopped": stack.client.containers.create(base, FOREIGN_COMMAND, name=f"{name}-foreign"),
        "in the way": stack.client.containers.create(base, FOREIGN_COMMAND, name=f"{name}-{BLUE}-1"),
    }
    made["in the way"].start()
    yield made
    for container in made.values():
        container.remove(force=True)


def as_is(container: Container) -> tuple[Any, ...]:
    container.reload()
    return container.attrs["Id"], container.attrs["Name"], container.attrs["State"], container.attrs["Config"]


def seen(sample: Sample, instance: str) -> dict[str, Any]:
    attrs: dict[str, Any] = sample.client.containers.get(instance).attrs
    return attrs


def life_of(sample: Sample, instance: str) -> tuple[str, int, str]:
    """The values that change with a restart."""
    state = seen(sample, instance)["State"]
    return state["Status"], state["Pid"], state["StartedAt"]


def own_tags(sample: Sample) -> set[str]:
    tags = image_tags(sample.client)
    return {tag for tag in tags if tag.startswith(f"{sample.stack.project}-")}


async def test_definition_is_private_and_pins_images(stack: Sample) -> None:
    definition = await stack.define(V1)
    assert stat.S_IMODE(definition.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(definition.path.parent.stat().st_mode) == 0o700
    services = json.loads(definition.path.read_text())["services"]
    sha = stack.shas[V1]
    assert {services[s]["image"] for s in MOVED} == {f"{stack.stack.project}-{s}:{sha[:SHA_LENGTH]}" for s in MOVED}
    assert services[BLUE]["build"]["context"] == str(stack.directory / "trees" / sha)


async def test_operator_env_values_arrive_unchanged(stack: Sample) -> None:
    started = await start_one(stack.engine, await stack.built(V1, BLUE), BLUE)
    assert "OPERATOR_VALUE=costs $5" in seen(stack, started.id)["Config"]["Env"]
    assert list((stack.directory / "live").glob("*.json")) == [], "nothing is written to the live directory"


@pytest.mark.parametrize("text", ["services: [", "services: {}", "services: {skills-blue: {image: 5}}"])
async def test_invalid_compose_file_is_refused(stack: Sample, text: str, tmp_path: Path) -> None:
    stack.release(V1)
    (tmp_path / "docker-compose.yml").write_text(text)
    with pytest.raises(ComposeInvalid):
        await stack.engine.define(tmp_path, stack.stamp(V1))


async def test_create_keeps_a_running_singleton(stack: Sample) -> None:
    old = await start_one(stack.engine, await stack.built(V1, BOT), BOT)
    before = life_of(stack, old.id)
    new = await stack.engine.create(await stack.built(V2, BOT), BOT)
    assert life_of(stack, old.id) == before
    assert seen(stack, new.id)["State"]["StartedAt"].startswith("0001-01-01"), "the new instance was never started"


async def test_stop_kills_after_the_grace_period(stack: Sample) -> None:
    stack.release("v15.0.0", edit=deaf_bot)
    bot = await start_one(stack.engine, await stack.built("v15.0.0", BOT), BOT)
    started = time.monotonic()
    ended = await stack.engine.stop(bot.id, 1)
    assert (ended.state, ended.exit_code) == ("exited", KILLED)
    assert 1 <= time.monotonic() - started < OWN_GRACE


def deaf_bot(tree: Path) -> None:
    """A bot that ignores SIGTERM, as PID 1 does without a handler, with a long grace of its own."""
    file = tree / "docker-compose.yml"
    file.write_text(file.read_text().replace("  bot:\n", f"  bot:\n    stop_grace_period: {OWN_GRACE}s\n"))
    (tree / "bot" / "bot.py").write_text("import time\ntime.sleep(600)\n")


async def test_stop_waits_for_the_grace_period(stack: Sample) -> None:
    skills = await start_one(stack.engine, await stack.built(V1, BLUE), BLUE)

    async def is_up() -> bool:
        return any("listening" in line for line in await stack.engine.tail(skills.id, 5))

    await until(is_up)
    ended = await stack.engine.stop(skills.id, 60)
    assert (ended.state, ended.exit_code) == ("exited", 0)


async def test_service_becomes_healthy_by_its_own_check(stack: Sample) -> None:
    skills = await start_one(stack.engine, await stack.built(V1, BLUE), BLUE)

    async def is_healthy() -> bool:
        return (await stack.engine.inspect(skills.id)).health == "healthy"

    await until(is_healthy)


async def test_singleton_with_new_definition_is_changed(stack: Sample) -> None:
    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        file.write_text(file.read_text().replace("  bot:\n", "  bot:\n    mem_limit: 64m\n"))

    stack.release("v16.0.0")
    stack.release("v16.0.1", change=(), edit=edit)
    bot = await start_one(stack.engine, await stack.built("v16.0.0", BOT), BOT)
    changed = await stack.built("v16.0.1", BOT)
    same_image = await stack.engine.build(changed, [BOT], lambda _: None)
    assert same_image[BOT] == bot.image
    assert not await stack.engine.unchanged(bot, changed)


async def test_start_fails_on_a_foreign_container_name(stack: Sample, foreign: dict[str, Container]) -> None:
    definition = await stack.built(V1, BLUE)
    before = as_is(foreign["in the way"])
    with pytest.raises(StartFailed) as failed:
        await start_one(stack.engine, definition, BLUE)
    assert any("already in use" in line for line in failed.value.last_lines), failed.value.__dict__
    assert as_is(foreign["in the way"]) == before
    assert await stack.engine.find(BLUE) == []


async def test_prune_keeps_foreign_images(
    stack: Sample, images: tuple[str, str], foreign: dict[str, Container]
) -> None:
    await stack.built(V1)
    kept = await stack.built(V2)
    base = stack.client.images.get(images[0])
    others = [f"{stack.stack.project}-other:{'0' * SHA_LENGTH}", f"{stack.stack.project}-{BOT}:mine"]
    for name in others:
        base.tag(name)
    earlier = {tag for tag in own_tags(stack) if not RELEASE_TAG.fullmatch(tag)}
    before = [as_is(container) for container in foreign.values()]
    await stack.engine.prune([kept.sha])
    assert [as_is(container) for container in foreign.values()] == before
    released = {f"{stack.stack.project}-{s}:{kept.sha[:SHA_LENGTH]}" for s in MOVED}
    assert own_tags(stack) == {*earlier, *others, *released}
    assert {p.name for p in (stack.directory / "releases").iterdir()} - {CURRENT} == {kept.sha}


async def test_prune_keeps_another_stacks_releases(stack: Sample) -> None:
    await stack.built(V1)
    kept_tags = own_tags(stack)
    other_stack = replace(stack.stack, project="zu-other")
    other = DockerEngine(stack.client, Compose(["false"], "zu-other", None), other_stack, stack.directory / "x")
    await other.prune([])
    assert own_tags(stack) == kept_tags


async def test_prune_keeps_image_of_a_stopped_container(stack: Sample) -> None:
    old = await start_one(stack.engine, await stack.built(V1, BLUE), BLUE)
    await stack.engine.stop(old.id, 1)
    await stack.engine.prune([])
    await stack.engine.resume(old.id)
    assert (await stack.engine.inspect(old.id)).running


async def test_stale_worker_changes_nothing(stack: Sample) -> None:
    """It became stale after its last check, for example while it waited for the engine."""

    def stale() -> None:
        raise StaleWorker("another worker has taken over")

    definition = await stack.built(V1)
    blue, bot = await start_one(stack.engine, definition, BLUE), await stack.engine.create(definition, BOT)
    compose = Compose(find_compose(), stack.stack.project, stack.host, fence=stale)
    late = DockerEngine(stack.client, compose, stack.stack, stack.directory / "releases", fence=stale)
    before = [(c.id, c.status) for c in stack.containers]
    another = await stack.define(V1, "r-another")
    for call in (
        late.stop(blue.id, 1),
        late.resume(bot.id),
        late.remove(bot.id),
        late.create(another, BOT),
        late.build(definition, [BLUE], lambda _: None),
        late.start(definition, [GREEN]),
    ):
        with pytest.raises(StaleWorker):
            await call
    assert [(c.id, c.status) for c in stack.containers] == before


async def test_container_with_this_machines_name_is_another_one(
    stack: Sample, images: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker outside containers would otherwise ask only the addresses of that container's networks."""
    base, _ = images
    made = stack.client.containers.create(base, FOREIGN_COMMAND, name=f"{stack.stack.project}-this-machine")
    docker = Docker(stack.client, None)
    try:
        monkeypatch.setattr("socket.gethostname", lambda: made.name)
        assert await own_container(docker) is None
        monkeypatch.setattr("socket.gethostname", lambda: made.short_id)
        assert (await own_container(docker)) == made
    finally:
        made.remove(force=True)


async def test_unreachable_engine_raises_a_named_error(stack: Sample, tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    socket = tmp_path / "docker.sock"
    async with await asyncio.start_unix_server(hang_up, socket):
        client = docker.DockerClient(base_url=f"unix://{socket}", version="1.41")
        gone = DockerEngine(client, Compose(["false"], stack.stack.project, None), stack.stack, tmp_path, away=0.6)
        for call in (gone.find(BOT), gone.inspect("x"), gone.stop("x", 1), gone.remove("x"), gone.tail("x", 1)):
            with pytest.raises(EngineFailed, match="cannot be reached"):
                await call
        with pytest.raises(StartFailed, match="cannot be reached"):
            await gone.resume("x")
        client.close()


ASKS_ITS_NAME = [
    "python3",
    "-c",
    f"import socket; print(len(set(a[4][0] for a in socket.getaddrinfo('{BLUE}', 80)))); raise SystemExit(4)",
]
"""Prints the number of addresses of the service's name in the network, and fails."""


async def test_one_off_command_is_no_backend(
    stack: Sample,
) -> None:
    definition = await stack.built(V1, BLUE)
    await start_one(stack.engine, definition, BLUE)
    own = stack.client.containers.run(
        f"{stack.stack.project}-{BLUE}:{definition.sha[:SHA_LENGTH]}",
        ["python3", "-c", "import time; time.sleep(600)"],
        detach=True,
        labels={PROJECT_LABEL: stack.stack.project, "com.docker.compose.oneoff": "True"},
    )
    lines: list[str] = []
    with pytest.raises(BeforeFlipFailed, match="exit code 4"):
        await stack.engine.run_once(definition, BLUE, ASKS_ITS_NAME, name="r-1", limit=300, log=lines.append)
    (once,) = [c for c in stack.containers if "updater.once" in c.labels]
    assert once.attrs["RestartCount"] == 0
    assert [line for line in lines if line.strip()] == ["1"], "only the color's container has the name in the network"
    assert len(await stack.engine.sweep()) == 1
    own.reload()
    assert own.status == "running"
    assert len(await stack.engine.find(BLUE)) == 1


OLD_UPDATER = """
  old-updater:
    image: ${DEMO_BASE_IMAGE}
    container_name: ${COMPOSE_PROJECT_NAME}-the-old-one
    command: [python3, -c, "import time; time.sleep(600)"]
    networks: [default, gone]
    secrets: [gone]
"""
GONE = """
secrets:
  gone: {file: ./is-not-there}
"""


def with_the_old_updater(tree: Path) -> None:
    """Adds the old updater to the file: another service depends on it, and its own network and secret are missing."""
    file = tree / "docker-compose.yml"
    text = file.read_text().replace("  bot:\n", f"{OLD_UPDATER[1:]}\n  bot:\n    depends_on: [old-updater]\n", 1)
    networks = "\nnetworks:\n"
    assert networks in text
    file.write_text(text.replace(networks, f"{networks}  gone: {{external: true}}\n") + GONE)


@pytest.fixture
def retiring(stack: Sample) -> Iterator[Sample]:
    """A stack file that retires the old updater, and a release that still contains it."""
    stack.release("v17.0.0", edit=with_the_old_updater)
    yield replace(stack, stack=replace(stack.stack, retired=("old-updater",)))
    shutil.rmtree(stack.directory / "releases", ignore_errors=True)


async def by_hand(sample: Sample, *words: str) -> tuple[int, str]:
    """Runs `docker compose WORDS` as an operator does, with the published definition."""
    environment = {**os.environ, "DOCKER_HOST": sample.host, "COMPOSE_PROJECT_NAME": sample.stack.project}
    process = await asyncio.create_subprocess_exec(
        *find_compose(), *words,
        cwd=sample.directory / "live",
        env={**environment, "COMPOSE_FILE": str(sample.engine.published_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return int(process.returncode or 0), out.decode()


async def test_compose_up_starts_no_retired_service(retiring: Sample) -> None:
    definition = await retiring.built("v17.0.0")
    await retiring.engine.start(definition, [BLUE, BOT])
    await retiring.engine.publish(definition, Color.BLUE)
    _, services = await by_hand(retiring, "config", "--services")
    assert "old-updater" not in services.split()
    code, output = await by_hand(retiring, "up", "--detach", "--no-build", BLUE, BOT)
    assert (code, [c for c in retiring.containers if "the-old-one" in str(c.name)]) == (0, []), output
    assert (await retiring.engine.survey()).retired == ("old-updater",)


async def test_republish_removes_a_retired_service(retiring: Sample) -> None:
    before = replace(retiring, stack=replace(retiring.stack, retired=()))
    definition = await before.built("v17.0.0", BLUE)
    await before.engine.publish(definition, Color.BLUE)
    assert "old-updater" in (await by_hand(before, "config", "--services"))[1].split()
    await retiring.engine.republish()
    assert "old-updater" not in (await by_hand(retiring, "config", "--services"))[1].split()
    back = await retiring.engine.recall(retiring.stamp("v17.0.0", "r-back"), [BLUE])
    assert "old-updater" not in json.loads(back.path.read_text())["services"]
    same = (
        await retiring.engine.compare(retiring.release("v17.0.0"), retiring.stamp("v17.0.0"), definition.sha)
    ).others
    assert same == ()
