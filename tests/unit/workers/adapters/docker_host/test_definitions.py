import stat
from pathlib import Path

from workers.adapters.docker_host.definitions import CURRENT, ReleaseFiles


def test_a_definition_is_only_for_the_updater_to_read(tmp_path: Path) -> None:
    path = ReleaseFiles(tmp_path / "releases").write("abc", {"services": {}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_is_gone_or_torn_is_not_there(tmp_path: Path) -> None:
    files = ReleaseFiles(tmp_path)
    assert files.read("abc") is None
    files.write("abc", {"services": {}}).write_text('{"serv')
    assert files.read("abc") is None


def test_prune_keeps_what_it_is_told_and_what_is_live(tmp_path: Path) -> None:
    files = ReleaseFiles(tmp_path)
    for name in ("abc", "def", "old", CURRENT):
        files.write(name, {"name": name})
    files.prune({"abc", "def"})
    assert {p.name for p in tmp_path.iterdir()} == {"abc", "def", "current"}
    assert files.read(CURRENT) == {"name": "current"}


def test_there_may_be_nothing_to_prune(tmp_path: Path) -> None:
    ReleaseFiles(tmp_path / "none").prune(set())
