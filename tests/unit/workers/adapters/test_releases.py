import stat
from pathlib import Path

from workers.adapters.releases import ReleaseFiles


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


def test_current_leads_to_the_live_release_and_moves_in_one_step(tmp_path: Path) -> None:
    files = ReleaseFiles(tmp_path)
    for sha in ("abc", "def"):
        files.write(sha, {"name": sha})
        files.publish(sha)
        assert files.current.read_text() == f'{{"name": "{sha}"}}'
    assert {p.name for p in tmp_path.iterdir()} == {"abc", "def", "current"}


def test_prune_keeps_what_it_is_told_and_what_current_leads_to(tmp_path: Path) -> None:
    files = ReleaseFiles(tmp_path)
    for sha in ("abc", "def", "old"):
        files.write(sha, {})
    files.publish("abc")
    files.prune({"abc", "def"})
    assert {p.name for p in tmp_path.iterdir()} == {"abc", "def", "current"}
    assert files.current.exists()


def test_there_may_be_nothing_to_prune(tmp_path: Path) -> None:
    ReleaseFiles(tmp_path / "none").prune(set())
