"""The product still has the code that is removed to see a row fail."""

import py_compile
import re
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.processes import ROOT
from tests.faults.environments import NO_ENVIRONMENT
from tests.faults.rows import ROWS
from tests.faults.unprotected import (
    PRODUCT,
    PROTECTIONS,
    Edit,
    Protection,
    content,
    copied,
    python_files,
    seen_in,
    without,
)


def test_every_row_has_a_protection() -> None:
    assert {p.row for p in PROTECTIONS} == set(ROWS)


@pytest.fixture(scope="module")
def copy() -> Iterator[tuple[Path, dict[str, bytes]]]:
    """A copy of the product and its content. What the tests do to it changes nothing in this checkout."""
    before = product(ROOT)
    with copied(PRODUCT) as root:
        assert product(root) == before
        yield root, before
    assert product(ROOT) == before


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda p: f"{p.row:02}")
def test_protection_is_removed_only_from_a_copy(protection: Protection, copy: tuple[Path, dict[str, bytes]]) -> None:
    root, before = copy
    try:
        for edit in protection.edits:
            edit.make(root)
    finally:
        after = product(root)
        changed = {file for file, text in after.items() if before.get(file) != text}
        for file in changed:
            (root / file).write_bytes(before[file])
    assert 1 <= len(changed) <= len(protection.edits)
    for file in changed:
        compile(after[file], file, "exec")


def test_checkout_keeps_its_protection() -> None:
    before = product(ROOT)
    with without(PROTECTIONS[0], PRODUCT) as root:
        assert product(root) != before
        assert product(ROOT) == before


def test_copy_compiles_only_what_was_edited() -> None:
    edit = PROTECTIONS[0].edits[0]
    file, _ = edit.fits(ROOT)
    edited = str(file.relative_to(ROOT))
    py_compile.compile(str(file), doraise=True)
    before = compiled(ROOT)
    assert edited in before
    with without(Protection(PROTECTIONS[0].row, "one", (edit,)), PRODUCT) as root:
        assert before - compiled(root) == {edited}


def compiled(root: Path) -> set[str]:
    """The modules of the product at `root` with bytecode that Python takes for their present text.

    https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    """
    found = set()
    for file in product(root):
        cache, source = Path(cache_from_source(root / file)), (root / file).stat()
        if cache.exists():
            expected = (int(source.st_mtime), source.st_size)
            head = cache.read_bytes()[8:16]
            if expected == (int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")):
                found.add(file)
    return found


def product(root: Path) -> dict[str, bytes]:
    """The content of each module of the product at `root`, by its path there."""
    return {file.removeprefix(f"{root}/"): content(file) for top in PRODUCT for file in python_files(root / top)}


@pytest.mark.parametrize(
    ("symbol", "old", "message"),
    [
        ("State.accept", "no such line", "State.accept has 'no such line' 0 times"),
        ("State.nothing", "pass", "State.nothing is defined 0 times"),
    ],
)
def test_missing_code_cannot_be_removed(symbol: str, old: str, message: str) -> None:
    protection = Protection(1, "nothing", (Edit(symbol, old, ""),))
    with pytest.raises(ValueError, match=re.escape(message)), without(protection, PRODUCT):
        pass


def test_moved_definition_is_still_found(tmp_path: Path) -> None:
    """The definition is in another file, with other line breaks."""
    file = tmp_path / "app" / "elsewhere" / "moved.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "class State:\n    def accept(self):\n        return (\n            one |\n            two\n        )\n"
    )
    assert Edit("State.accept", "one | two", "one").make(tmp_path) == file
    assert "two" not in file.read_text()


@pytest.mark.parametrize(
    ("result", "shown", "message"),
    [
        ({"problems": ["two bots"], "skipped": None}, True, "fails, as it should\n        two bots"),
        ({"problems": [], "skipped": None}, False, "STILL HOLDS"),
        ({"problems": [], "skipped": "it needs root"}, False, "WAS NOT PLAYED: it needs root"),
        (
            {"problems": [f"{NO_ENVIRONMENT}: no port"], "skipped": None},
            False,
            "WAS NOT PLAYED: there was no environment",
        ),
    ],
)
def test_only_a_failed_row_shows_its_protection(result: dict[str, Any], shown: bool, message: str) -> None:
    seen = seen_in(result, PROTECTIONS[0])
    assert seen.shown is shown
    assert message in seen.line()


def test_lost_environment_shows_early_protection() -> None:
    at_first = next(p for p in PROTECTIONS if p.at_first)
    assert seen_in({"problems": [f"{NO_ENVIRONMENT}: v1.0.0 did not go live"], "skipped": None}, at_first).shown
