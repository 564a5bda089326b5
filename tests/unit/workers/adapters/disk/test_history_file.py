import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.history import HistoryEntry
from tests.examples import a_history_entry
from workers.adapters.disk.history_file import ENTRIES_KEPT, LINES_KEPT, UNREADABLE_KEPT, HistoryFile


def entry(number: int, **more: Any) -> HistoryEntry:
    return a_history_entry(f"r-{number}", f"v1.{number}.0", **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.jsonl"


def test_next_worker_reads_entries_newest_first(path: Path) -> None:
    for number in range(3):
        HistoryFile(path).append(entry(number))
    assert HistoryFile(path).entries() == [entry(2), entry(1), entry(0)]


def test_later_entry_replaces_an_earlier_entry(path: Path) -> None:
    history = HistoryFile(path)
    for added in (entry(1, result="failed"), entry(2), entry(1)):
        history.append(added)
    assert history.entries() == [entry(1), entry(2)]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_torn_line_loses_only_itself(path: Path, cut: int) -> None:
    HistoryFile(path).append(entry(1))
    HistoryFile(path).append(entry(2))
    path.write_bytes(path.read_bytes()[:-cut])
    HistoryFile(path).append(entry(3))
    kept = HistoryFile(path).entries()
    assert (kept[0], kept[-1]) == (entry(3), entry(1))


def test_invalid_line_is_skipped(path: Path) -> None:
    HistoryFile(path).append(entry(1))
    with path.open("ab") as file:
        file.write(b"\xff\xfe\n[1]\n{}\nnull\n")
    assert HistoryFile(path).entries() == [entry(1)]


def test_file_size_is_limited(path: Path) -> None:
    history = HistoryFile(path)
    for number in range(2 * ENTRIES_KEPT + 10):
        history.append(entry(number))
    kept = history.entries()
    assert [e.rollout_id for e in (kept[0], kept[-1])] == [f"r-{2 * ENTRIES_KEPT + 9}", f"r-{ENTRIES_KEPT + 10}"]
    assert len(path.read_text().splitlines()) < 3 * ENTRIES_KEPT


def test_lines_of_earlier_workers_count(path: Path) -> None:
    """A worker that is restarted after each release appends once."""
    path.parent.mkdir()
    line = json.dumps(asdict(entry(7)))
    path.write_text("".join(f"\n{line}\n" for _ in range(LINES_KEPT)))
    HistoryFile(path).append(entry(8))
    assert HistoryFile(path).entries() == [entry(8), entry(7)]
    assert len(path.read_text().splitlines()) == 2


def test_compaction_keeps_lines_of_another_version(path: Path) -> None:
    path.parent.mkdir()
    foreign = [json.dumps({"schema": 9, "number": number}) for number in range(UNREADABLE_KEPT + 5)]
    torn = ['{"rollout_id": "r-'] * LINES_KEPT
    path.write_text("\n".join([*foreign, *torn]))
    HistoryFile(path).append(entry(1))
    assert path.read_text().splitlines()[:-1] == foreign[-UNREADABLE_KEPT:]
    assert HistoryFile(path).entries() == [entry(1)]


@pytest.mark.parametrize("timestamp", ["yesterday", "2026-01-02T03:04:05", ""])
def test_entry_without_a_comparable_time_is_skipped(path: Path, timestamp: str) -> None:
    HistoryFile(path).append(entry(1))
    HistoryFile(path).append(replace(entry(2), timestamp=timestamp))
    assert HistoryFile(path).entries() == [entry(1)]


def test_unwritable_disk_raises_no_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")
    history = HistoryFile(tmp_path / "data" / "history.jsonl")
    history.append(entry(1))
    assert history.entries() == []
