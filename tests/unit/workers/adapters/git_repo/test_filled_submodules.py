"""A submodule that is not as a checkout left it is found."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.errors import GitFailed
from workers.adapters.git_repo.filled_submodules import HASHED_BYTES, is_as_recorded, write_record
from workers.definition.files.submodule_record import PLACE, recorded


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Has a record of the submodule `lib`, with the files `a` and `large`, the link `b`, and the empty `inner`."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "lib" / "inner").mkdir(parents=True)
    (tmp_path / "lib" / "a").write_text("one")
    (tmp_path / "lib" / "b").symlink_to("a")
    (tmp_path / "lib" / "large").write_bytes(bytes(HASHED_BYTES + 1))
    write_record(tmp_path, ["lib"], ["lib/inner"])
    return tmp_path


def relink(lib: Path) -> None:
    (lib / "b").unlink()
    (lib / "b").symlink_to("large")


def fifo(lib: Path) -> None:
    (lib / "a").unlink()
    os.mkfifo(lib / "a")


CHANGES: dict[str, Callable[[Path], object]] = {
    "gone": lambda lib: (lib / "a").unlink(),
    "zeros": lambda lib: (lib / "a").write_bytes(bytes(3)),
    "program": lambda lib: (lib / "a").chmod(0o755),
    "renamed": lambda lib: (lib / "a").rename(lib / "c"),
    "moved": lambda lib: (lib / "large").rename(lib / "inner" / "large"),
    "added": lambda lib: (lib / "inner" / "new").write_text(""),
    "large cut": lambda lib: os.truncate(lib / "large", HASHED_BYTES),
    "large grown": lambda lib: os.truncate(lib / "large", HASHED_BYTES + 2),
    "link": relink,
    "directory": lambda lib: (lib / "inner").rmdir(),
    "fifo": fifo,
    "all": lambda lib: lib.rename(lib.with_name("elsewhere")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_in_a_submodule_is_found(tree: Path, change: str) -> None:
    assert is_as_recorded(tree, ["lib"])
    CHANGES[change](tree / "lib")
    assert not is_as_recorded(tree, ["lib"])
    assert not is_as_recorded(tree, []), "also after the setting is gone"


def test_times_are_no_change(tree: Path) -> None:
    os.utime(tree / "lib" / "a", (0, 0))
    assert is_as_recorded(tree, ["lib"])


def test_submodule_that_was_not_asked_for_then_is_missing(tree: Path) -> None:
    assert is_as_recorded(tree, [])
    assert not is_as_recorded(tree, ["lib", "other"])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"filled": 1, "unfetched": []}', "\xff"])
def test_record_that_cannot_be_read_is_none(tree: Path, content: str) -> None:
    (tree / PLACE).write_text(content, "latin-1")
    assert recorded(tree) is None
    assert not is_as_recorded(tree, [])


def test_failed_record_is_a_named_error(tree: Path) -> None:
    with pytest.raises(GitFailed, match="could not be recorded"):
        write_record(tree, ["missing"], [])
