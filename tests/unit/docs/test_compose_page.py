"""The tests that docs/compose.md names exist."""

import ast
import functools
import re

import pytest

from deploy.demo.processes import ROOT

PAGE = ROOT / "docs" / "compose.md"
LINK = re.compile(r"\[`(?P<test>test_\w+)`\]\(\.\./(?P<file>tests/[\w/]+\.py)\)")
NAMED = sorted({(found["file"], found["test"]) for found in LINK.finditer(PAGE.read_text())})
LEAST = 25


@functools.cache
def defined_in(file: str) -> set[str]:
    parts = ast.walk(ast.parse((ROOT / file).read_text()))
    return {part.name for part in parts if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_named_test_exists(file: str, test: str) -> None:
    assert test in defined_in(file)


def test_page_names_a_test_for_each_option() -> None:
    rows = PAGE.read_text().partition("## Each option")[2].splitlines()
    options = [row for row in rows if row.startswith("| `")]
    assert len(options) >= LEAST
    assert [row for row in options if not LINK.search(row)] == []
