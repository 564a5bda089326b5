import stat
from pathlib import Path

from workers.adapters.docker_host.stored.definitions import CURRENT, ReleaseFiles


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


def test_prune_of_a_missing_directory_is_no_error(tmp_path: Path) -> None:
    ReleaseFiles(tmp_path / "none").prune(set())
