"""The slots, with a program instead of an environment: what they return, and that they leave nothing behind."""

import json
import os
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from concurrent.futures import as_completed
from pathlib import Path

import pytest

from tests.faults.scenario import Row, Scenario
from tests.faults.slot import Orders
from tests.faults.slots import NO_ENGINE_TO_END, Slots

LIMIT = 180.0
ECHO = """
import json, sys
for line in sys.stdin:
    result = {"row": int(line), "fault": "a fault", "holds": "all", "notes": [sys.argv[1]]}
    print(json.dumps({"result": result, "last_words": ""}), flush=True)
"""
REPORTS_PROGRESS = """
import json, sys
for line in sys.stdin:
    result = {"row": int(line), "fault": "a fault", "holds": "all"}
    for message in ({"progress": "half"}, {"progress": "nearly"}, {"result": result, "last_words": ""}):
        print(json.dumps(message), flush=True)
"""
LEAVES_A_CHILD = """
import subprocess, sys
from pathlib import Path
for line in sys.stdin:
    child = subprocess.Popen(["sleep", "300"], start_new_session=True, stdout=subprocess.DEVNULL)
    Path({pids!r}).open("a").write(f"{{child.pid}}\\n")
    {then}
"""


ONE_WAITS_FOR_TWO = """
import json, os, sys
from pathlib import Path
played = Path({played!r})
for line in sys.stdin:
    while line == "1\\n" and not played.exists():
        os.sched_yield()
    if line == "2\\n":
        played.touch()
    result = {{"row": int(line), "fault": "a fault", "holds": "all", "notes": [sys.argv[1]]}}
    print(json.dumps({{"result": result, "last_words": ""}}), flush=True)
"""


async def never_played(scenario: Scenario) -> None:
    """Never runs: the program is not a slot."""


def row(number: int, minutes: float = 1, *, own_engine: bool = False) -> Row:
    return Row(number, "a fault", "all", never_played, minutes=minutes, own_engine=own_engine)


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Orders]:
    """Orders without an engine; the directory for temporary files has to be empty before and after."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield Orders(host=f"unix://{tmp_path}/docker.sock", own=False, repeat=1, slow=1)
    assert list(temporary.iterdir()) == []


def program(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(text))
    return [sys.executable, str(file)]


def is_running(pid: int) -> bool:
    """A zombie has no command line, so it does not count."""
    file = Path(f"/proc/{pid}/cmdline")
    return file.exists() and bool(file.read_bytes())


def test_longest_row_starts_first(tmp_path: Path, orders: Orders) -> None:
    rows = [row(1, minutes=1), row(2, minutes=3), row(3, minutes=2)]
    rows_done: list[int] = []
    with Slots(rows, orders, 1, program=program(tmp_path, ECHO)) as slots:
        rows_done.extend(done.result().result.row for done in as_completed(slots.results.values(), LIMIT))
    assert sorted(rows_done) == [1, 2, 3]
    assert [slots.results[n].result().result.notes for n in (1, 2, 3)] == [[orders.words()]] * 3
    assert slots.begun == [2, 3, 1]


def test_progress_is_reported_before_the_result(tmp_path: Path, orders: Orders) -> None:
    progress: list[str] = []
    with Slots([row(1)], orders, 1, program=program(tmp_path, REPORTS_PROGRESS), on_progress=progress.append) as slots:
        assert slots.results[1].result(LIMIT).result.row == 1
    assert progress == ["row 1: half", "row 1: nearly"]


def test_freed_engine_slot_takes_other_rows(tmp_path: Path, orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("tests.faults.slots.ALONE", ())
    text = ONE_WAITS_FOR_TWO.format(played=str(tmp_path / "played"))
    rows = [row(1, minutes=3), row(2, minutes=2), row(8, own_engine=True)]
    with Slots(rows, orders, 1, program=program(tmp_path, text)) as slots:
        own = {n: json.loads(slots.results[n].result(LIMIT).result.notes[0])["own"] for n in (1, 2, 8)}
    assert own == {1: False, 2: True, 8: True}


def test_dead_slot_fails_its_row_cleanly(tmp_path: Path, orders: Orders) -> None:
    pids = tmp_path / "pids"
    script = LEAVES_A_CHILD.format(pids=str(pids), then='sys.exit("the last words")')
    with Slots([row(1), row(2)], orders, 1, program=program(tmp_path, script)) as slots:
        played = [slots.results[n].result(LIMIT) for n in (1, 2)]
    assert [p.result.passed for p in played] == [False, False]
    assert all("the last words" in p.result.problems[0] for p in played)
    children = [int(line) for line in pids.read_text().split()]
    assert len(children) == 2
    assert not [pid for pid in children if is_running(pid)]


def test_running_row_ends_when_slots_close(tmp_path: Path, orders: Orders) -> None:
    pids = tmp_path / "pids"
    script = LEAVES_A_CHILD.format(pids=str(pids), then="child.wait()")
    with Slots([row(1), row(2)], orders, 1, program=program(tmp_path, script)) as slots:
        while not (pids.exists() and pids.read_text().endswith("\n")):
            os.sched_yield()
    assert not is_running(int(pids.read_text()))
    assert not slots.results[2].done()


def test_engine_row_is_skipped_without_root(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with Slots([row(8, own_engine=True)], orders, 3) as slots:
        assert slots.results[8].result(LIMIT).result.skipped == NO_ENGINE_TO_END
