import grp
import os
import stat
from pathlib import Path

import pytest

from app.auth import SharedSecret
from app.domain.errors import SettingsInvalid


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "secret"


def replace(path: Path, text: str) -> None:
    """As an operator's editor does: another file under the same name."""
    path.parent.mkdir(exist_ok=True)
    other = path.with_name("other")
    other.write_text(text)
    other.replace(path)


def test_the_file_is_made_with_a_secret_that_only_its_owner_may_read(path: Path) -> None:
    secret = SharedSecret(path)
    secret.ensure()
    made = path.read_text()
    assert len(bytes.fromhex(made.strip())) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert secret.matches(made.strip())


def test_the_file_may_belong_to_a_group(path: Path) -> None:
    group = grp.getgrgid(os.getgid())
    SharedSecret(path, group.gr_name).ensure()
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_gid) == (0o640, group.gr_gid)


def test_a_group_that_does_not_exist_is_refused_and_leaves_no_file(path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="UPDATER_SECRET_PATH"):
        SharedSecret(path, "no-such-group").ensure()
    assert list(path.parent.iterdir()) == []


def test_a_file_that_is_there_is_kept(path: Path) -> None:
    replace(path, "mine\n")
    SharedSecret(path).ensure()
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("given", ["", " ", "m", "mine ", "MINE", "mine\nold", "wröng", "\udcff"])
def test_anything_but_the_secret_is_refused(path: Path, given: str) -> None:
    replace(path, "mine\n")
    secret = SharedSecret(path)
    secret.ensure()
    assert not secret.matches(given)


def test_older_secrets_on_further_lines_are_still_accepted(path: Path) -> None:
    replace(path, "new\n\nold\n")
    secret = SharedSecret(path)
    secret.ensure()
    assert secret.matches("new")
    assert secret.matches("old")


def test_the_file_is_read_anew_when_it_changes(path: Path) -> None:
    replace(path, "old\n")
    secret = SharedSecret(path)
    secret.ensure()
    replace(path, "new\n")
    assert secret.matches("new")
    assert not secret.matches("old")


@pytest.mark.parametrize("text", ["", "\n", "  \n\t\n"])
def test_an_empty_file_is_refused_and_never_means_open(path: Path, text: str) -> None:
    replace(path, text)
    secret = SharedSecret(path)
    with pytest.raises(SettingsInvalid, match="empty"):
        secret.ensure()
    assert not secret.matches("")


def test_a_file_that_becomes_unusable_matches_nothing(path: Path) -> None:
    replace(path, "mine\n")
    secret = SharedSecret(path)
    secret.ensure()
    replace(path, "\n")
    assert not secret.matches("mine")
    path.unlink()
    assert not secret.matches("mine")


def test_it_never_prints_itself(path: Path) -> None:
    replace(path, "canary\n")
    secret = SharedSecret(path)
    secret.ensure()
    assert "canary" not in repr(secret)
