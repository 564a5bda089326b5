"""A mark shows that a value has changed, and not what it is."""

from pathlib import Path

import pytest

from workers.adapters.docker_host.stored.value_marks import KEY_BYTES, ValueMarks

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
