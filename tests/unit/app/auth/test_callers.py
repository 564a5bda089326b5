import grp
import os
import stat
from pathlib import Path

import pytest

from app.auth.callers import SharedSecret, make_token
from app.auth.scope import Scope
from app.auth.tokens import claim_of
from app.domain.errors import SecretUnavailable, SettingsInvalid


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "secret"


def replace(path: Path, text: str) -> None:
    """Replace the file with another one of the same name, like an operator's editor."""
    path.parent.mkdir(exist_ok=True)
    other = path.with_name("other")
    other.write_text(text)
    other.chmod(0o600)
    other.replace(path)


def test_new_secret_file_is_private_to_its_owner(path: Path) -> None:
    secret = SharedSecret(path)
    secret.ensure()
    made = path.read_text()
    assert len(bytes.fromhex(made.strip())) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert secret.matches(made.strip())


def test_secret_file_can_belong_to_a_group(path: Path) -> None:
    group = grp.getgrgid(os.getgid())
    SharedSecret(path, group.gr_name).ensure()
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_gid) == (0o640, group.gr_gid)


def test_unknown_group_is_refused_without_a_file(path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="UPDATER_SECRET_PATH"):
        SharedSecret(path, "no-such-group").ensure()
    assert list(path.parent.iterdir()) == []


def test_existing_file_is_kept(path: Path) -> None:
    replace(path, "mine\n")
    SharedSecret(path).ensure()
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("given", ["", " ", "m", "mine ", "MINE", "mine\nold", "wröng", "\udcff"])
def test_wrong_secret_is_refused(path: Path, given: str) -> None:
    replace(path, "mine\n")
    secret = SharedSecret(path)
    secret.ensure()
    assert not secret.matches(given)


def test_older_secrets_on_later_lines_work(path: Path) -> None:
    replace(path, "new\n\nold\n")
    secret = SharedSecret(path)
    secret.ensure()
    assert secret.matches("new")
    assert secret.matches("old")


def test_file_is_read_again_when_it_changes(path: Path) -> None:
    replace(path, "old\n")
    secret = SharedSecret(path)
    secret.ensure()
    replace(path, "new\n")
    assert secret.matches("new")
    assert not secret.matches("old")


@pytest.mark.parametrize("text", ["", "\n", "  \n\t\n"])
def test_empty_file_lets_no_one_in(path: Path, text: str) -> None:
    replace(path, text)
    secret = SharedSecret(path)
    with pytest.raises(SettingsInvalid, match="empty"):
        secret.ensure()
    with pytest.raises(SecretUnavailable):
        secret.matches("")


def test_unusable_file_is_no_wrong_secret(path: Path) -> None:
    """The right secret is not wrong while the file cannot be read, and is right again afterwards."""
    replace(path, "mine\n")
    secret = SharedSecret(path)
    secret.ensure()
    replace(path, "\n")
    with pytest.raises(SecretUnavailable):
        secret.matches("mine")
    path.unlink()
    with pytest.raises(SecretUnavailable):
        secret.keys()
    replace(path, "mine\n")
    assert secret.matches("mine")


def test_revoked_secret_counts_no_more_if_its_file_has_the_same_time(path: Path) -> None:
    """Some tools set one time for every file that they write, and an inode number is used again."""
    replace(path, "revoked\n")
    secret = SharedSecret(path)
    secret.ensure()
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_text("new\n")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert secret.matches("new")
    assert not secret.matches("revoked")


def test_repr_hides_the_secret(path: Path) -> None:
    replace(path, "canary\n")
    secret = SharedSecret(path)
    secret.ensure()
    assert "canary" not in repr(secret)


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o660, 0o602, 0o777])
def test_too_open_file_is_restricted_to_its_owner(path: Path, mode: int) -> None:
    replace(path, "mine\n")
    path.chmod(mode)
    secret = SharedSecret(path)
    secret.ensure()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret.matches("mine")
    assert secret.problem() is None


def test_group_permissions_are_kept_and_reported(path: Path) -> None:
    replace(path, "mine\n")
    path.chmod(0o640)
    secret = SharedSecret(path)
    secret.ensure()
    assert "0640" in (secret.problem() or "")
    assert f"chmod 0600 {path}" in secret.remedy()


def test_later_permission_change_is_reported(path: Path) -> None:
    secret = SharedSecret(path)
    secret.ensure()
    path.chmod(0o644)
    assert "0644" in (secret.problem() or "")


ENCRYPTED = '{\n  "format": "zetherion_updater_secret_v1",\n  "iterations": 600000,\n  "ciphertext": "x"\n}\n'


def test_encrypted_secret_file_is_refused(path: Path) -> None:
    replace(path, ENCRYPTED)
    secret = SharedSecret(path)
    with pytest.raises(SettingsInvalid, match="JSON object"):
        secret.ensure()
    with pytest.raises(SecretUnavailable):
        secret.matches("x")


@pytest.mark.parametrize("text", ["Zk3-_x", "Zk3-_x\n", "  Zk3-_x \r\n", "\nZk3-_x"])
def test_sidecars_secret_file_is_used_unchanged(path: Path, text: str) -> None:
    replace(path, "")
    path.write_bytes(text.encode())
    path.chmod(0o644)
    secret = SharedSecret(path)
    secret.ensure()
    assert secret.matches("Zk3-_x")
    assert path.read_bytes() == text.encode()


def test_configured_group_is_no_problem(path: Path) -> None:
    secret = SharedSecret(path, grp.getgrgid(os.getgid()).gr_name)
    secret.ensure()
    assert secret.problem() is None


def test_missing_file_is_reported_as_a_problem(path: Path) -> None:
    secret = SharedSecret(path)
    secret.ensure()
    assert secret.problem() is None
    path.unlink()
    assert "cannot be read" in (secret.problem() or "")


@pytest.mark.parametrize("scope", list(Scope))
def test_token_survives_a_key_rotation(path: Path, scope: Scope) -> None:
    replace(path, "first\nolder\n")
    token = make_token(path, scope, 60)
    claim = claim_of([b"first"], token)
    assert claim is not None
    assert claim.scope is scope
    assert claim_of([b"older"], token) is None
    replace(path, "new\nfirst\n")
    assert claim_of(SharedSecret(path).keys(), token) == claim


@pytest.mark.parametrize("text", [None, "\n"])
def test_missing_secret_makes_no_token(path: Path, text: str | None) -> None:
    if text is not None:
        replace(path, text)
    with pytest.raises(SettingsInvalid, match="UPDATER_SECRET_PATH"):
        make_token(path, Scope.READ, 60)


@pytest.mark.parametrize("ttl", [0, -1, float("inf"), float("nan")])
def test_token_needs_a_finite_lifetime(path: Path, ttl: float) -> None:
    replace(path, "mine\n")
    with pytest.raises(ValueError, match="seconds"):
        make_token(path, Scope.READ, ttl)
