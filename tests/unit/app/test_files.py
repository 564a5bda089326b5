import stat
from pathlib import Path

import pytest

from app.files import replace_durably, sync_directory


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    staging = tmp_path / "staging"
    staging.mkdir()
    return staging


def test_file_gets_the_given_mode(tmp_path: Path, staging: Path) -> None:
    replace_durably(tmp_path / "state", b"new", staging=staging, mode=0o600)
    assert (tmp_path / "state").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o600
    assert list(staging.iterdir()) == []


def test_file_is_replaced_not_overwritten(tmp_path: Path, staging: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"the old and longer content")
    with path.open("rb") as reader:
        replace_durably(path, b"new", staging=staging, mode=0o600)
        assert reader.read() == b"the old and longer content"
    assert path.read_bytes() == b"new"


def test_failure_keeps_old_file_and_empty_staging(tmp_path: Path, staging: Path) -> None:
    path = tmp_path / "state"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(OSError, match="directory"):
        replace_durably(path, b"new", staging=staging, mode=0o600)
    assert (path / "old").exists()
    assert list(staging.iterdir()) == []


def test_missing_staging_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_durably(tmp_path / "state", b"new", staging=tmp_path / "none", mode=0o600)
    assert not (tmp_path / "state").exists()


def test_only_a_directory_can_be_synced(tmp_path: Path) -> None:
    sync_directory(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "file")
