"""What the redactor learns of the operator's env files, beside what Compose reads in them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.compose.secret_values import learn_env_files
from workers.redaction.encodings import undoubled
from workers.redaction.env_text import assignments, is_plain

NO_COMPOSE = ["/none/docker-compose"]
PLAIN = r"""
# note: it's the "first" line, with $HOME and \
EMPTY_TOKEN=
WORD_TOKEN=hunter2-and-more
URL_TOKEN=https://example.org:8443/a%20b,c+d=e@f
SINGLE_TOKEN='costs $5, # {any} "kind" `of` ${VALUE}'
DOUBLE_TOKEN="it's #1 of `many`, {all} [here]"
NO_TOKEN=''
SPACE_TOKEN=' around '
TWICE_TOKEN=first-value-of-it
TWICE_TOKEN=second-value-of-it
"""


def given(directory: Path, *texts: str) -> ComposeFiles:
    files = tuple(directory / f"{number}.env" for number, _ in enumerate(texts))
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    return ComposeFiles((directory / "compose.yml",), directory, files)


async def read_by_compose(directory: Path, text: str) -> dict[str, str]:
    """The variables that a container with this env file gets."""
    files = given(directory, text)
    files.files[0].write_text(json.dumps({"services": {"any": {"image": "none", "env_file": ["0.env"]}}}))
    model: dict[str, Any] = (await Compose(find_compose(), "shop", None).resolve(files)).model
    return {name: undoubled(value) for name, value in model["services"]["any"]["environment"].items()}


async def learned(command: list[str], files: ComposeFiles) -> set[str]:
    found: set[str] = set()
    await learn_env_files(Compose(command, "shop", None, learn=found.update), files)
    return found


async def test_compose_reads_a_plain_file_alike(tmp_path: Path) -> None:
    assert is_plain(PLAIN)
    read = await read_by_compose(tmp_path, PLAIN)
    assert read["SINGLE_TOKEN"] == 'costs $5, # {any} "kind" `of` ${VALUE}'
    assert (read["SPACE_TOKEN"], read["TWICE_TOKEN"]) == (" around ", "second-value-of-it")
    assert set(read.items()) <= set(assignments(PLAIN))


@pytest.mark.parametrize("mark", [each for each in map(chr, range(ord(" "), 127)) if each not in "\\'\""])
def test_each_mark_is_plain_in_quotes(mark: str) -> None:
    assert is_plain(f"A='a{mark}b'")
    assert is_plain(f'A="a{mark}b"') is (mark != "$")


async def test_compose_reads_each_mark_alike(tmp_path: Path) -> None:
    marks = list(map(chr, range(ord(" "), 127)))
    forms = ["{}=a{}b", "{}='a{}b'", '{}="a{}b"']
    lines = [form.format(f"A{ord(mark)}_{n}", mark) for mark in marks for n, form in enumerate(forms)]
    text = "\n".join(line for line in lines if is_plain(line))
    read = await read_by_compose(tmp_path, text)
    assert len(read) == text.count("\n") + 1 > 2 * len(marks)
    assert set(read.items()) <= set(assignments(text))


async def test_plain_files_start_no_process(tmp_path: Path) -> None:
    found = await learned(NO_COMPOSE, given(tmp_path, PLAIN, "LAST_TOKEN=of-the-last-file\n"))
    assert {"hunter2-and-more", "first-value-of-it", "second-value-of-it", "of-the-last-file"} <= found
    assert await learned(NO_COMPOSE, given(tmp_path)) == set()


@pytest.mark.parametrize("text", ["A_TOKEN=v1.1.0\nB_TOKEN=hunter2\n", "A_TOKEN=v1.1.0 # note\nB_TOKEN=hunter2\n"])
async def test_value_that_the_release_sets_stays_readable(tmp_path: Path, text: str) -> None:
    files = replace(given(tmp_path, text), variables={"UPDATER_TAG": "v1.1.0"})
    found = await learned(find_compose(), files)
    assert ("hunter2" in found, "v1.1.0" in found) == (True, False)


@pytest.mark.parametrize(
    "line",
    [
        *("A=${PART}-of-it", 'A="$PART-of-it"', r'A="part\"-of-it"', r"A='part\'-of-it'", "A='part\nof-it'"),
        *("A=part # note", "A='part' # note", "A=spaced out", "A ='part'", "A: part", "A=pärt", "A=part\r"),
        *("export A=part", "- A=part", "A.B=part", "A"),
    ],
)
def test_other_lines_are_read_by_compose(line: str) -> None:
    assert not is_plain(f"PART=part\n{line}\n")


async def test_reference_to_a_plain_file_is_read_by_compose(tmp_path: Path) -> None:
    files = given(tmp_path, "PART=part\n", "WHOLE_TOKEN=${PART}-and-the-rest\n")
    assert "part-and-the-rest" in await learned(find_compose(), files)
