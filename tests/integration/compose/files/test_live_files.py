"""Files of the live directory that change: while a release is read, during its rollout, and between two rollouts.

No engine: only Compose reads.
"""

# ruff: noqa: ASYNC240 - a test may block

import json
import os
import shlex
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import FilesChanged
from app.domain.stack import Singleton
from tests.integration.compose.read_release import SHA, Bench
from tests.integration.compose.test_rollback_values import engine_of
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.stored.definitions import read_model
from workers.ports import Definition, Instance, Stamp

BOT = "bot"
NOW = datetime.now(UTC)

SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mount": ({"volumes": ["./token.txt:/token.txt:ro"]}, {}),
    "writable mount": ({"volumes": ["./token.txt:/token.txt"]}, {}),
    "secret": ({"secrets": ["token"]}, {"secrets": {"token": {"file": "./token.txt"}}}),
    "config": ({"configs": ["token"]}, {"configs": {"token": {"file": "./token.txt"}}}),
}


def stamp(rollout: str) -> Stamp:
    return Stamp("v1.1.0", SHA, rollout)


@pytest.fixture
def token(bench: Bench) -> Path:
    bench.stack = replace(bench.stack, singletons=(Singleton(BOT, BOT),))
    bench.put(bench.live, "token.txt", "one")
    return bench.live / "token.txt"


def replaced(file: Path, text: str) -> None:
    """As an editor saves it: the name leads to another file."""
    file.with_name(f"{file.name}.{file.stat().st_ino}").hardlink_to(file)  # no later file gets its number
    other = file.with_suffix(".new")
    other.write_text(text)
    other.rename(file)


def bot_of(definition: Definition, **change: Any) -> Instance:
    """The container that runs by `definition`."""
    service = read_model(definition.path)["services"][BOT]
    labels = service["labels"]
    made = Instance("c1", BOT, "running", image=f"id of {service['image']}", labels=labels)
    return replace(made, definition=labels["updater.definition"], created=NOW, **change)


async def is_kept(engine: DockerEngine, bench: Bench, bot: Instance) -> bool:
    return await engine.unchanged(bot, await engine.define(bench.tree, stamp("r-2")))


@pytest.mark.parametrize("shape", SHAPES)
async def test_replaced_file_is_a_change_of_the_bot(bench: Bench, token: Path, tmp_path: Path, shape: str) -> None:
    service, more = SHAPES[shape]
    bench.compose(service, **more)
    engine = engine_of(bench, tmp_path)
    bot = bot_of(await engine.define(bench.tree, stamp("r-1")))
    assert await is_kept(engine, bench, bot)
    replaced(token, "one")
    assert await is_kept(engine, bench, bot), "another file with the same content"
    replaced(token, "two")
    assert not await is_kept(engine, bench, bot)


async def test_bots_own_writes_are_no_change(bench: Bench, token: Path, tmp_path: Path) -> None:
    bench.compose(SHAPES["writable mount"][0])
    engine = engine_of(bench, tmp_path)
    definition = await engine.define(bench.tree, stamp("r-1"))
    before = await engine.live_files(definition, [BOT])
    token.write_text("what the bot writes")
    assert await is_kept(engine, bench, bot_of(definition))
    assert await engine.live_files(definition, [BOT]) == before


async def test_mounted_directory_is_no_file(bench: Bench, token: Path, tmp_path: Path) -> None:
    bench.put(bench.live, "data/one.txt", "one")
    bench.compose({"volumes": ["./data:/data", f"{bench.live}:/all:ro"]})
    definition = await engine_of(bench, tmp_path).define(bench.tree, stamp("r-1"))
    assert (await engine_of(bench, tmp_path).live_files(definition, [BOT])).states == {}


async def test_label_does_not_show_the_content(bench: Bench, token: Path, tmp_path: Path) -> None:
    service, more = SHAPES["secret"]
    bench.compose(service, **more)
    token.write_text("hunter2")
    labels = bot_of(await engine_of(bench, tmp_path).define(bench.tree, stamp("r-1"))).labels
    record = json.loads(labels["updater.files"])
    assert list(record) == [str(token)]
    other = bot_of(await engine_of(bench, tmp_path / "elsewhere").define(bench.tree, stamp("r-1"))).labels
    assert json.loads(other["updater.files"]) != record, "nobody can try values"


@pytest.mark.parametrize("older", [True, False])
async def test_bot_of_an_earlier_updater(bench: Bench, token: Path, tmp_path: Path, older: bool) -> None:
    """Its container has no record of its files: it is kept if none changed since it was created."""
    bench.compose(SHAPES["mount"][0])
    engine = engine_of(bench, tmp_path)
    bot = bot_of(await engine.define(bench.tree, stamp("r-1")))
    labels = {key: value for key, value in bot.labels.items() if key != "updater.files"}
    created = NOW + timedelta(hours=1 if older else -1)
    assert await is_kept(engine, bench, replace(bot, labels=labels, created=created)) is older


WRITES: dict[str, Callable[[Path], object]] = {
    "in place": lambda file: file.write_text("two"),
    "replaced": lambda file: replaced(file, "two"),
    "deleted": lambda file: file.unlink(),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("shape", ["mount", "secret", "config"])
async def test_changed_file_is_found_in_the_rollout(
    bench: Bench, token: Path, tmp_path: Path, shape: str, write: str
) -> None:
    service, more = SHAPES[shape]
    bench.compose(service, **more)
    engine = engine_of(bench, tmp_path)
    definition = await engine.define(bench.tree, stamp("r-1"))
    assert (await engine.live_files(definition, [BOT])).changed == ()
    WRITES[write](token)
    assert (await engine.live_files(definition, [BOT])).changed == (str(token),)


async def test_file_that_is_changed_back_has_another_state(bench: Bench, token: Path, tmp_path: Path) -> None:
    bench.compose(SHAPES["mount"][0])
    engine = engine_of(bench, tmp_path)
    definition = await engine.define(bench.tree, stamp("r-1"))
    before, times = await engine.live_files(definition, [BOT]), token.stat()
    aside = token.rename(token.with_suffix(".old"))
    token.write_text("two")
    aside.rename(token)
    os.utime(token, ns=(times.st_atime_ns, times.st_mtime_ns))
    now = await engine.live_files(definition, [BOT])
    assert now.changed == ()
    assert now.states != before.states


async def test_value_of_a_secret_may_not_change(bench: Bench, token: Path, tmp_path: Path) -> None:
    """Compose reads it again at each start."""
    bench.compose({"secrets": ["key"]}, secrets={"key": {"environment": "KEY"}})
    bench.put(bench.live, ".env", "KEY=hunter2\n")
    engine = engine_of(bench, tmp_path)
    definition = await engine.define(bench.tree, stamp("r-1"))
    bench.put(bench.live, ".env", "KEY=hunter3\n")
    assert (await engine.live_files(definition, [BOT])).changed == ("the value of KEY",)
    with pytest.raises(FilesChanged) as refused:
        await engine.create(definition, BOT)
    assert "KEY" in str(refused.value)
    assert "hunter" not in str(refused.value)
    again = await engine.recall(stamp("r-2"), [BOT])
    assert (await engine.live_files(again, [BOT])).changed == (), "a rollback starts with today's values, and says so"


@pytest.mark.parametrize("file", [".env", "app.env", "../shared.env", "../etc/app.env"])
async def test_env_file_written_while_it_is_read(bench: Bench, token: Path, tmp_path: Path, file: str) -> None:
    """One command of Compose would read the old version, and the next one the new one."""
    file = str((bench.live / file).resolve())
    files = ["app.env", "../shared.env", str(tmp_path / "etc/app.env")]
    bench.compose({"env_file": files, "environment": {"A": "${A}"}})
    for name in (".env", *files):
        bench.put(bench.live, name, "A=1\n")
    editor = tmp_path / "compose-and-edit"
    editor.write_text(f'#!/bin/sh\n{shlex.join(find_compose())} "$@" || exit\necho A=2 >{file}\n')
    editor.chmod(0o755)
    engine = engine_of(bench, tmp_path)
    before = (await engine.define(bench.tree, stamp("r-1"))).sources
    with pytest.raises(FilesChanged) as stopped:
        await engine_of(bench, tmp_path, str(editor)).define(bench.tree, stamp("r-2"))
    assert file in str(stopped.value)
    now = (await engine.define(bench.tree, stamp("r-3"))).sources
    assert before.keys() == now.keys()
    assert before[file] != now[file]


@pytest.mark.parametrize("file", [".env", "app.env"])
async def test_env_file_that_comes_while_the_release_is_read(
    bench: Bench, token: Path, tmp_path: Path, file: str
) -> None:
    bench.compose({"env_file": [{"path": "app.env", "required": False}]})
    editor = tmp_path / "compose-and-edit"
    editor.write_text(f'#!/bin/sh\n{shlex.join(find_compose())} "$@" || exit\necho A=2 >{bench.live}/{file}\n')
    editor.chmod(0o755)
    with pytest.raises(FilesChanged, match=f"{bench.live}/{file} changed"):
        await engine_of(bench, tmp_path, str(editor)).define(bench.tree, stamp("r-1"))


def outside(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/token.txt").write_text("one")
    return tmp_path / "etc/token.txt"


@pytest.mark.parametrize("shape", ["mount", "secret", "config"])
async def test_file_outside_the_live_directory_counts(bench: Bench, token: Path, tmp_path: Path, shape: str) -> None:
    file = outside(tmp_path)
    service, more = json.loads(json.dumps(SHAPES[shape]).replace("./token.txt", str(file)))
    bench.compose(service, **more)
    engine = engine_of(bench, tmp_path)
    definition = await engine.define(bench.tree, stamp("r-1"))
    assert await is_kept(engine, bench, bot_of(definition))
    replaced(file, "two")
    assert (await engine.live_files(definition, [BOT])).changed == (str(file),)
    assert not await is_kept(engine, bench, bot_of(definition))


@pytest.mark.parametrize("mounted", [True, False])
async def test_only_a_file_that_is_the_hosts_counts(bench: Bench, token: Path, tmp_path: Path, mounted: bool) -> None:
    """The worker's container may have another file at its path, such as /etc/localtime."""
    file = outside(tmp_path)
    bench.compose({"volumes": [f"{file}:/token.txt:ro"]})
    own = {str(bench.live): str(bench.live), str(file.parent): str(file.parent) if mounted else "/other"}
    engine = engine_of(bench, tmp_path, own_mounts=own)
    definition = await engine.define(bench.tree, stamp("r-1"))
    assert list((await engine.live_files(definition, [BOT])).states) == ([str(file)] if mounted else [])


async def test_socket_has_no_versions(bench: Bench, token: Path, tmp_path: Path) -> None:
    bench.compose({"volumes": ["./a.sock:/a.sock:ro"]})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bench.live / "a.sock"))
        definition = await engine_of(bench, tmp_path).define(bench.tree, stamp("r-1"))
        assert (await engine_of(bench, tmp_path).live_files(definition, [BOT])).states == {}


async def test_program_may_always_write_a_log(bench: Bench, token: Path, tmp_path: Path) -> None:
    bench.compose({"volumes": ["/var/log/syslog:/syslog:ro", "/proc/uptime:/uptime:ro"]})
    definition = await engine_of(bench, tmp_path).define(bench.tree, stamp("r-1"))
    assert (await engine_of(bench, tmp_path).live_files(definition, [BOT])).states == {}


LABELS: dict[str, dict[str, Any]] = {
    "own": {},
    "of a directory": {"services": {"cache": {"image": "redis", "volumes": [".:/all:z"]}}},
}


@pytest.mark.parametrize("mounted", ["own", "of a directory"])
async def test_new_selinux_label_is_no_change(bench: Bench, token: Path, tmp_path: Path, mounted: str) -> None:
    """The engine relabels what a container mounts with :Z at each start: only the time of the last change differs."""
    options = "ro,Z" if mounted == "own" else "ro"
    bench.compose({"volumes": [f"./token.txt:/token.txt:{options}"]}, **LABELS[mounted])
    engine = engine_of(bench, tmp_path)
    definition = await engine.define(bench.tree, stamp("r-1"))
    before, changed_at = await engine.live_files(definition, [BOT]), token.stat().st_ctime_ns
    while token.stat().st_ctime_ns == changed_at:
        token.chmod(token.stat().st_mode)
    assert await engine.live_files(definition, [BOT]) == before
    token.write_text("two")
    token.write_text("one")
    assert (await engine.live_files(definition, [BOT])).states != before.states
