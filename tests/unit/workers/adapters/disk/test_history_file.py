from pathlib import Path
from typing import Any

import pytest

from app.domain.history import HistoryEntry
from tests.examples import a_history_entry
from workers.adapters.disk.history_file import ENTRIES_KEPT, HistoryFile


def entry(number: int, **more: Any) -> HistoryEntry:
    return a_history_entry(f"r-{number}", f"v1.{number}.0", **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.jsonl"


def test_what_was_appended_is_read_by_the_next_worker_newest_first(path: Path) -> None:
    for number in range(3):
        HistoryFile(path).append(entry(number))
    assert HistoryFile(path).entries() == [entry(2), entry(1), entry(0)]


def test_a_later_entry_of_a_rollout_takes_the_place_of_the_earlier_one(path: Path) -> None:
    history = HistoryFile(path)
    for told in (entry(1, result="failed"), entry(2), entry(1)):
        history.append(told)
    assert history.entries() == [entry(1), entry(2)]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_line_that_a_crash_tore_costs_only_itself(path: Path, cut: int) -> None:
    HistoryFile(path).append(entry(1))
    HistoryFile(path).append(entry(2))
    path.write_bytes(path.read_bytes()[:-cut])
    HistoryFile(path).append(entry(3))
    kept = HistoryFile(path).entries()
    assert (kept[0], kept[-1]) == (entry(3), entry(1))


def test_what_is_not_an_entry_is_passed_over(path: Path) -> None:
    HistoryFile(path).append(entry(1))
    with path.open("ab") as file:
        file.write(b"\xff\xfe\n[1]\n{}\nnull\n")
    assert HistoryFile(path).entries() == [entry(1)]


def test_the_file_is_bounded(path: Path) -> None:
    history = HistoryFile(path)
    for number in range(2 * ENTRIES_KEPT + 10):
        history.append(entry(number))
    kept = history.entries()
    assert [e.rollout_id for e in (kept[0], kept[-1])] == [f"r-{2 * ENTRIES_KEPT + 9}", f"r-{ENTRIES_KEPT + 10}"]
    assert len(path.read_text().splitlines()) < 3 * ENTRIES_KEPT


def test_a_disk_that_does_not_take_it_is_survived(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")
    history = HistoryFile(tmp_path / "data" / "history.jsonl")
    history.append(entry(1))
    assert history.entries() == []
