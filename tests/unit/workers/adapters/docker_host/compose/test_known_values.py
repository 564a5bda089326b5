"""Compose is asked again for the values of variables if anything changed on which they depend."""

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import NO_VARIABLES, ComposeFiles
from workers.adapters.docker_host.compose.known_values import KEPT, KnownValues, question_of
from workers.adapters.docker_host.compose.program import find_compose

TEXTS = ["${KEY-none}", "${TAG-none}", "${HOME-none}"]
COMMAND = ["/bin/sh"]
Change = Callable[[ComposeFiles], ComposeFiles]


class Counted:
    """The real Compose, and how often it was asked for values. `before`: what the program does first, in a shell."""

    def __init__(self, directory: Path, before: str = "") -> None:
        self._log, program = directory / "asked", directory / "compose-and-count"
        asked = f'case "$*" in *--quiet*) ;; *) {before or ":"}; echo >>{self._log} ;; esac'
        program.write_text(f'#!/bin/sh\n{asked}\nexec {shlex.join(find_compose())} "$@"\n')
        program.chmod(0o755)
        self.compose = Compose([str(program)], "shop", None)

    @property
    def times(self) -> int:
        return self._log.read_text().count("\n") if self._log.exists() else 0


@pytest.fixture
def given(tmp_path: Path) -> ComposeFiles:
    live, tree = tmp_path / "live", tmp_path / "tree"
    for directory in (live, tree):
        directory.mkdir()
    (live / ".env").write_text("KEY=one\n")
    (live / "second.env").write_text("")
    env_files = (live / ".env", live / "second.env")
    return ComposeFiles((tree / "compose.yml",), live, env_files, {"TAG": "v1"})


def written(name: str, text: str) -> Change:
    def change(given: ComposeFiles) -> ComposeFiles:
        (given.directory / name).write_text(text)
        return given

    return change


def put_in_place(given: ComposeFiles) -> ComposeFiles:
    """As an editor saves it."""
    (given.directory / "new").write_text("KEY=two\n")
    (given.directory / "new").rename(given.directory / ".env")
    return given


async def test_same_question_is_asked_once(given: ComposeFiles, tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    for _ in range(3):
        found = await counted.compose.values(TEXTS, given)
        assert found == ["one", "v1", "none"]
        found.clear()
    assert counted.times == 1


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (written(".env", "KEY=two\n"), ["two", "v1", "none"]),
        (written("second.env", "KEY=two\n"), ["two", "v1", "none"]),
        (put_in_place, ["two", "v1", "none"]),
        (lambda given: replace(given, variables={"TAG": "v2"}), ["one", "v2", "none"]),
        (lambda given: replace(given, env_files=given.env_files[1:]), ["none", "v1", "none"]),
        (lambda given: replace(given, env_files=(NO_VARIABLES,)), ["none", "v1", "none"]),
        (lambda given: replace(given, home="/home/op"), ["one", "v1", "/home/op"]),
    ],
)
async def test_any_change_is_seen(given: ComposeFiles, tmp_path: Path, change: Change, values: list[str]) -> None:
    counted = Counted(tmp_path)
    await counted.compose.values(TEXTS, given)
    assert await counted.compose.values(TEXTS, change(given)) == values
    assert counted.times == 2


async def test_other_program_is_asked_again(given: ComposeFiles, tmp_path: Path) -> None:
    """Another version of Compose may read an env file in another way."""
    counted = Counted(tmp_path)
    await counted.compose.values(TEXTS, given)
    program = tmp_path / "compose-and-count"
    program.with_name("new").write_bytes(program.read_bytes())
    program.with_name("new").chmod(0o755)
    program.with_name("new").rename(program)
    assert (await counted.compose.values(TEXTS, given))[0] == "one"
    assert counted.times == 2


async def test_plugin_is_asked_each_time(given: ComposeFiles, tmp_path: Path) -> None:
    """Which file Docker runs for `docker compose` is not known, so a new version of it would not be seen."""
    counted = Counted(tmp_path)
    plugin = Compose(["env", str(tmp_path / "compose-and-count")], "shop", None)
    for _ in range(2):
        assert (await plugin.values(TEXTS, given))[0] == "one"
    assert counted.times == 2


async def test_other_texts_are_another_question(given: ComposeFiles, tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    assert await counted.compose.values(["${KEY}"], given) == ["one"]
    assert await counted.compose.values(["${KEY+set}"], given) == ["set"]
    assert counted.times == 2


async def test_value_that_was_only_there_for_a_moment_is_not_kept(given: ComposeFiles, tmp_path: Path) -> None:
    """Someone writes the file while Compose starts, and undoes it afterwards."""
    file = given.env_files[0]
    counted = Counted(tmp_path, f"[ -e {tmp_path}/asked ] || echo KEY=moment >{file}")
    assert (await counted.compose.values(TEXTS, given))[0] == "moment"
    file.write_text("KEY=one\n")
    assert (await counted.compose.values(TEXTS, given))[0] == "one"


def test_undone_write_is_another_question(given: ComposeFiles) -> None:
    before = question_of(TEXTS, given, COMMAND)
    file = given.env_files[0]
    file.rename(file.with_name("aside"))
    file.write_bytes(file.with_name("aside").read_bytes())
    assert question_of(TEXTS, given, COMMAND) != before


def test_everything_that_sets_a_variable_is_in_the_question(
    given: ComposeFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = question_of(TEXTS, given, COMMAND)
    others = [
        replace(given, directory=tmp_path),
        replace(given, files=(tmp_path / "compose.yml",)),
        replace(given, env_files=given.env_files[::-1]),
        replace(given, profiles=()),
    ]
    assert before not in [question_of(TEXTS, other, COMMAND) for other in others]
    monkeypatch.setenv("PATH", "/none")
    assert question_of(TEXTS, given, COMMAND) != before


@pytest.mark.parametrize("name", [None, "none.env", "pipe.env"])
def test_file_that_may_not_stay_is_asked_each_time(given: ComposeFiles, name: str | None) -> None:
    """Without a file, Compose looks for one; a pipe has other bytes for each reader."""
    os.mkfifo(given.directory / "pipe.env")
    files = () if name is None else (given.env_files[0], given.directory / name)
    assert question_of(TEXTS, replace(given, env_files=files), COMMAND) is None


def test_few_questions_are_kept() -> None:
    known = KnownValues()
    for number in range(KEPT + 1):
        known.keep((number,), (number,), [str(number)])
    known.keep(("changed",), ("meanwhile",), ["1"])
    known.keep(None, None, ["1"])
    assert [known.of((0,)), known.of((1,)), known.of((KEPT,))] == [None, ["1"], [str(KEPT)]]
    assert [known.of(("changed",)), known.of(("meanwhile",)), known.of(None)] == [None, None, None]
