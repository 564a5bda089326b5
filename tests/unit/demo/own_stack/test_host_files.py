import os
from pathlib import Path

import pytest

from deploy.demo.environment import tree_of
from deploy.demo.own_stack.host_files import Copied, copy_host_files


@pytest.fixture
def host(tmp_path: Path) -> Path:
    host = tmp_path / "host"
    (host / "conf" / "secret").mkdir(parents=True)
    (host / ".git").mkdir()
    for name in (".env", "compose.yaml", "conf/app.conf", "conf/secret/key", ".git/config"):
        (host / name).write_text(name)
    return host


@pytest.fixture
def live(tmp_path: Path) -> Path:
    live = tmp_path / "live"
    live.mkdir()
    return live


TRACKED = {"compose.yaml", "conf/app.conf"}


def copy(host: Path, live: Path, *, first: tuple[str, ...] = (".env",), most: int = 1000) -> Copied:
    before = tree_of(host)
    result = copy_host_files(host, live, TRACKED, first, most)
    assert tree_of(host) == before
    return result


def test_only_what_no_release_has_is_copied(host: Path, live: Path) -> None:
    result = copy(host, live)
    assert (result.copied, result.left_out) == ([".env", "conf/secret"], {})
    assert tree_of(live) == {".env": b".env", "conf/secret/key": b"conf/secret/key"}


def test_env_file_is_copied_whatever_its_size(host: Path, live: Path) -> None:
    (host / ".env").write_text("x" * 2000)
    assert copy(host, live).copied == [".env", "conf/secret"]


def test_env_file_behind_a_link_is_copied_by_content(host: Path, live: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("A=1")
    (host / ".env").unlink()
    (host / ".env").symlink_to(tmp_path / "elsewhere")
    copy(host, live)
    assert not (live / ".env").is_symlink()
    assert (live / ".env").read_text() == "A=1"


def test_directory_that_does_not_fit_is_left_out_as_a_whole(host: Path, live: Path) -> None:
    (host / "data").mkdir()
    for n in range(3):
        (host / "data" / str(n)).write_text("x" * 500)
    result = copy(host, live)
    assert list(result.left_out) == ["data"]
    assert list((live / "data").iterdir()) == []


def test_link_that_leads_out_is_never_copied(host: Path, live: Path, tmp_path: Path) -> None:
    (host / "absolute").symlink_to(host / ".env")
    (host / "out").symlink_to("../elsewhere")
    (host / "data").mkdir()
    (host / "data" / "link").symlink_to(tmp_path)
    (host / "inside").symlink_to("conf/secret")
    result = copy(host, live)
    assert set(result.left_out) == {"absolute", "out", "data"}
    assert (live / "inside").is_symlink()


def test_socket_is_left_out(host: Path, live: Path) -> None:
    os.mkfifo(host / "pipe")
    assert copy(host, live).left_out == {"pipe": "a socket or a device"}


def test_link_of_the_release_is_not_written_through(host: Path, live: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (live / "conf").symlink_to(tmp_path / "outside")
    result = copy(host, live, first=("conf/secret/key",))
    assert "conf/secret/key" in result.left_out
    assert list((tmp_path / "outside").iterdir()) == []
