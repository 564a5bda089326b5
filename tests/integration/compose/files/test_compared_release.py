"""A release that was compared is defined as it was read then: Compose does not read it again."""

import shlex
from pathlib import Path

import pytest

from app.domain.errors import ComposeInvalid, FilesChanged
from tests.integration.compose.files.test_live_files import stamp
from tests.integration.compose.read_release import BLUE, Bench, content
from tests.integration.compose.test_rollback_values import engine_of
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.release_reader import ReadRelease
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.stored.definitions import read_model
from workers.definition.files.live_files import touched
from workers.ports import Comparison

SITE = {"volumes": ["./site.conf:/etc/site.conf:ro"], "environment": {"A": "${A}"}, "env_file": ["app.env"]}
STAMP = stamp("r-1")


@pytest.fixture
def compared(bench: Bench) -> Bench:
    bench.compose(SITE)
    bench.put(bench.tree, "site.conf", "new")
    bench.put(bench.tree, "app.env", "B=of the release\n")
    bench.put(bench.live, ".env", "A=host\n")
    return bench


def comparison_of(read: ReadRelease) -> Comparison:
    return Comparison((), sources=read.sources, reading=read)


def counting(bench: Bench, tmp_path: Path) -> tuple[DockerEngine, Path]:
    """An engine without a daemon, and the file with a line for each command of Compose."""
    program, log = tmp_path / "compose-and-count", tmp_path / "commands"
    program.write_text(f'#!/bin/sh\necho "$*" >>{log}\nexec {shlex.join(find_compose())} "$@"\n')
    program.chmod(0o755)
    log.touch()
    return engine_of(bench, tmp_path, str(program)), log


async def test_definition_is_what_was_compared(compared: Bench, tmp_path: Path) -> None:
    engine, log = counting(compared, tmp_path)
    file = (await engine.define(compared.tree, STAMP)).path
    read_again = file.rename(tmp_path / "compose.json")
    asked = log.read_text().splitlines()
    assert [("--no-interpolate" in line, "--quiet" in line) for line in asked] == [
        *((False, True), (True, False), (False, False))  # whether exit codes are kept; the files as written; resolved
    ]
    read = await compared.read(keep=False)
    defined = await engine.define(compared.tree, STAMP, comparison_of(read))
    assert log.read_text().splitlines() == asked
    assert read_model(defined.path) == read_model(read_again)
    assert touched(read.sources, defined.sources) == []


async def test_definition_copies_what_the_comparison_did_not(compared: Bench, tmp_path: Path) -> None:
    read = await compared.read(keep=False)
    place = read.model["services"][BLUE]["volumes"][0]["source"]
    assert not (tmp_path / "files").exists()
    await engine_of(compared, tmp_path).define(compared.tree, STAMP, comparison_of(read))
    assert content(place) == "new"


async def test_reading_of_another_rollout_is_not_used(compared: Bench, tmp_path: Path) -> None:
    read = await compared.read(keep=False)
    compared.put(compared.tree, "app.env", "B=changed\n")
    other = await engine_of(compared, tmp_path).define(compared.tree, stamp("r-2"), comparison_of(read))
    assert read_model(other.path)["services"][BLUE]["environment"]["B"] == "changed"


async def test_reading_of_another_tree_is_not_used(compared: Bench, tmp_path: Path) -> None:
    read = await compared.read(keep=False)
    other = compared.tree.with_name("another")
    compared.tree.rename(other)
    compared.put(other, "app.env", "B=changed\n")
    defined = await engine_of(compared, tmp_path).define(other, STAMP, comparison_of(read))
    assert read_model(defined.path)["services"][BLUE]["environment"]["B"] == "changed"


async def test_operators_file_written_since_then_is_named(compared: Bench, tmp_path: Path) -> None:
    read = await compared.read(keep=False)
    compared.put(compared.live, ".env", "A=written\n")
    defined = await engine_of(compared, tmp_path).define(compared.tree, STAMP, comparison_of(read))
    assert touched(read.sources, defined.sources) == [str(compared.live / ".env")]


async def test_mounted_file_changed_since_then_is_refused(compared: Bench, tmp_path: Path) -> None:
    read = await compared.read(keep=False)
    compared.put(compared.tree, "site.conf", "changed")
    with pytest.raises(FilesChanged, match=r"site\.conf changed"):
        await engine_of(compared, tmp_path).define(compared.tree, STAMP, comparison_of(read))


async def test_problem_of_the_comparison_refuses_the_release(compared: Bench, tmp_path: Path) -> None:
    (compared.tree / "app.env").unlink()
    read = await compared.read(keep=False)
    with pytest.raises(ComposeInvalid, match=r"app\.env is neither in the release nor in"):
        await engine_of(compared, tmp_path).define(compared.tree, STAMP, comparison_of(read))
    assert not list((tmp_path / "releases").glob("*/compose.json"))


def test_comparison_prints_no_value(compared: Bench) -> None:
    assert "hunter2" not in repr(Comparison((), reading="hunter2"))
