"""The order in which the test files start."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from tests.schedule import BUSY, WHOLE_HOST, in_order


@dataclass(frozen=True)
class Item:
    """What the order depends on."""

    nodeid: str


def ordered(files: dict[str, int]) -> list[str]:
    """The files in their new order, of those with these numbers of tests."""
    items: list[Any] = [Item(f"{file}::test_{n}") for file, count in files.items() for n in range(count)]
    before = set(items)
    in_order(items)
    assert (len(items), set(items)) == (sum(files.values()), before)
    return [file for file, _ in groupby(items, lambda item: item.nodeid.partition("::")[0])]


def where(files: Iterable[str], start: str) -> list[int]:
    return [n for n, file in enumerate(files) if file.startswith(start)]


def test_busy_and_waiting_files_run_at_once() -> None:
    busy = {f"{BUSY[0]}test_{n:02}.py": 5 for n in range(10)}
    waiting = {f"tests/integration/test_{n:02}.py": 20 for n in range(40)}
    found = ordered(busy | waiting)
    assert all(3 <= after - before <= 5 for before, after in pairwise(where(found, BUSY[0])))
    assert where(found, BUSY[0])[-1] < len(found) - 4


def test_whole_hosts_come_first_and_units_last() -> None:
    files = [f"{BUSY[0]}test_cli.py", *WHOLE_HOST, "tests/integration/test_waiting.py", "tests/unit/test_names.py"]
    found = ordered(dict.fromkeys(files, 3))
    assert set(found[: len(WHOLE_HOST)]) == set(WHOLE_HOST)
    assert found[-1] == "tests/unit/test_names.py"


def test_one_kind_of_file_keeps_its_order() -> None:
    files = [f"tests/unit/test_{n}.py" for n in "cab"]
    assert ordered(dict.fromkeys(files, 2)) == files
    assert ordered({}) == []


def test_tests_of_a_file_that_are_apart_are_all_kept() -> None:
    """As after `pytest a.py::one b.py a.py::two`."""
    items: list[Any] = [Item("tests/unit/a.py::one"), Item("tests/unit/b.py::one"), Item("tests/unit/a.py::two")]
    in_order(items)
    names = [item.nodeid.removeprefix("tests/unit/") for item in items]
    assert names == ["a.py::one", "a.py::two", "b.py::one"]
