import stat
from pathlib import Path

import pytest

from app.domain.errors import StaleWorker
from workers.adapters.docker_host.stored.definitions import CURRENT, ReleaseFiles


def stale() -> None:
    raise StaleWorker("another worker has taken over")


def test_definition_is_private_to_the_updater(tmp_path: Path) -> None:
    path = ReleaseFiles(tmp_path / "releases").write("abc", {"services": {}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_missing_or_torn_definition_reads_as_none(tmp_path: Path) -> None:
    files = ReleaseFiles(tmp_path)
    assert files.read("abc") is None
    files.write("abc", {"services": {}}).write_text('{"serv')
    assert files.read("abc") is None


def test_prune_keeps_named_and_live_definitions(tmp_path: Path) -> None:
    files = ReleaseFiles(tmp_path)
    for name in ("abc", "def", "old", CURRENT):
        files.write(name, {"name": name})
    files.prune({"abc", "def"})
    assert {p.name for p in tmp_path.iterdir()} == {"abc", "def", "current"}
    assert files.read(CURRENT) == {"name": "current"}


def test_replaced_worker_changes_no_definition(tmp_path: Path) -> None:
    """Another worker took over after the last check of the epoch: its release is not in `keep`."""
    files, late = ReleaseFiles(tmp_path), ReleaseFiles(tmp_path, stale)
    for name in ("new", CURRENT):
        files.write(name, {"name": name})
    for call in (lambda: late.prune({"old"}), lambda: late.write(CURRENT, {"name": "old"})):
        with pytest.raises(StaleWorker):
            call()
    assert [files.read(name) for name in ("new", CURRENT)] == [{"name": "new"}, {"name": CURRENT}]
    assert [path.name for path in files.path(CURRENT).parent.iterdir()] == [files.path(CURRENT).name]


def test_prune_of_a_missing_directory_is_no_error(tmp_path: Path) -> None:
    ReleaseFiles(tmp_path / "none").prune(set())
