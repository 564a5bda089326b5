"""A mark shows that a value has changed, and not what it is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from workers.adapters.docker_host.stored.value_marks import KEY_BYTES, ValueMarks

THREADS, ROUNDS = 6, 5
VALUES = {"TOKEN": "hunter2", "OTHER": "hunter2"}


def test_mark_is_the_same_for_the_same_value(tmp_path: Path) -> None:
    file = tmp_path / "data" / "marks.key"
    first = ValueMarks(file).of(VALUES)
    assert ValueMarks(file).of(VALUES) == first, "also after a restart"
    assert len(set(first.values())) == 2, "two variables with one value are not recognized as such"
    changed = ValueMarks(file).of(VALUES | {"TOKEN": "hunter3"})
    assert changed["TOKEN"] != first["TOKEN"]
    assert changed["OTHER"] == first["OTHER"]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"short"])
def test_new_key_changes_every_mark(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "marks.key"
    before = ValueMarks(file).of(VALUES)
    file.write_bytes(damage)
    after = ValueMarks(file).of(VALUES)
    assert not set(before.values()) & set(after.values())
    assert len(file.read_bytes()) == KEY_BYTES


def test_no_value_needs_no_key(tmp_path: Path) -> None:
    assert ValueMarks(tmp_path / "marks.key").of({}) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [None, b"short"])
def test_threads_that_need_a_key_at_once_get_one(tmp_path: Path, damage: bytes | None) -> None:
    """Two keys would make a value look changed that is not."""
    at_once = Barrier(THREADS)
    for number in range(ROUNDS):
        file = tmp_path / str(number) / "marks.key"
        if damage is not None:
            file.parent.mkdir()
            file.write_bytes(damage)

        def marks(file: Path = file) -> str:
            at_once.wait()
            return ValueMarks(file).of(VALUES)["TOKEN"]

        with ThreadPoolExecutor(THREADS) as pool:
            found = [future.result() for future in [pool.submit(marks) for _ in range(THREADS)]]
        assert set(found) == {ValueMarks(file).of(VALUES)["TOKEN"]}
        assert [entry.name for entry in file.parent.iterdir()] == ["marks.key"]
        assert file.stat().st_mode & 0o777 == 0o600
