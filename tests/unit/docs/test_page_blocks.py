"""Each shell block that an operator pastes is one command: after a failure, the rest of it does not run."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.demo.processes import ROOT
from tests.acceptance.host.page import Section, sections

PAGES = (
    ROOT / "README.md",
    *(ROOT / "docs" / name for name in ("from-the-sidecar.md", "install.md", "operations.md")),
)
FENCE = re.compile(r"^\s*```(?:sh|bash|shell)$", re.MULTILINE)
END = re.compile(r" {4}(?:fi|done|else|elif|esac|\}|\)|&&|\|)(?![\w-])")


def commands(block: str) -> list[str]:
    """The first line of each command of `block` that an interactive bash would run by itself, as bash prints it.

    `export` of a fixed value cannot fail.
    """
    text = f"block() {{\n{block}\n}}\ndeclare -f block\n"
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, check=True, timeout=300)
    starts = [line for line in done.stdout.splitlines() if re.match(r" {4}\S", line) and not END.match(line)]
    return [line.strip() for line in starts if not re.fullmatch(r" {4}export \w+=[\w./-]+;?", line)]


def blocks_of(page: Path) -> list[tuple[str, str]]:
    return [(section.heading, block) for section in sections(page.read_text()) for block in section.blocks]


@pytest.mark.parametrize(
    ("block", "count"),
    [
        ("cd x\nrm y\n", 2),
        ("cd x &&\nrm y\n", 1),
        ("cd x && cat > y <<END &&\nA=$(b)\nEND\nrm z\n", 1),
        ("cat > y <<END\nA=b\nEND\nrm z\n", 2),
        ("cd x && if [ -f y ]; then\n  rm y\n  rm z\nfi\n", 1),
        ("cd x &&\n  { [ -s y ] || (umask 077 && z > y); } &&\n  rm z\n", 1),
        ("export A=/srv/b\ncd x\n", 1),
        ("export A=$(b)\ncd x\n", 2),
    ],
)
def test_commands_of_a_block_are_counted(block: str, count: int) -> None:
    assert len(commands(block)) == count


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_block_is_one_command(page: Path) -> None:
    apart = {f"{heading}: {block}": commands(block) for heading, block in blocks_of(page)}
    assert {block: found for block, found in apart.items() if len(found) > 1} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_is_read(page: Path) -> None:
    assert len(FENCE.findall(page.read_text())) == len(blocks_of(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_directory_variable_must_be_set(page: Path) -> None:
    """`cd ""` succeeds in bash, so a variable that a new shell lacks would run the block in any directory."""
    changes = [line for _, block in blocks_of(page) for line in block.splitlines() if re.search(r'\bcd "\$', line)]
    assert [line for line in changes if ":?}" not in line and "$(mktemp" not in line] == []


def test_a_section_without_blocks_is_skipped() -> None:
    assert sections("# A\n\n## B\n\ntext\n\n## C\n\n```sh\ntrue\n```\n") == [Section("C", ("true\n",))]
