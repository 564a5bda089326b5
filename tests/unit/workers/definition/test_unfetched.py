"""The record of a checkout says which submodules are missing."""

from pathlib import Path

import pytest

from workers.definition.files.submodule_record import PLACE, SubmoduleRecord
from workers.definition.files.unfetched import unfetched


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Has the submodules `empty` and `lib`, but not `lib/inner`. `.gitmodules` names those at the top."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "lib" / "inner").mkdir(parents=True)
    (tmp_path / ".gitmodules").write_text('[submodule "a"]\n\tpath = lib\n[submodule "b"]\n\tpath = empty\n')
    (tmp_path / PLACE).write_bytes(SubmoduleRecord({"lib": "1", "empty": "2"}, ["lib/inner"]).content())
    return tmp_path


@pytest.mark.parametrize("path", [".", "lib", "lib/inner", "lib/inner/file"])
def test_inner_submodule_is_missing(tree: Path, path: str) -> None:
    assert unfetched(tree, path) == [("a submodule", "lib/inner")]
    assert unfetched(tree, path, ["lib/inner"]) == []


def test_fetched_submodule_without_files_is_whole(tree: Path) -> None:
    assert unfetched(tree, "empty") == []
    (tree / PLACE).unlink()
    assert unfetched(tree, "empty") != [], "without a record, it may be missing"
