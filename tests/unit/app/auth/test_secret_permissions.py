"""Permissions of the secret file: web fixes them if it may, or reports the command that does."""

import grp
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.auth.secret_permissions import Permissions, gid_of
from app.domain.errors import SettingsInvalid
from app.host_paths import on_host
from tests.unit.forked import run

ROOT = Path(__file__).parents[4]
SECRET = "a-secret-that-nothing-may-print"
WEB, CLIENT, STRANGER = 64_532, 64_533, 64_534
SHARED = 64_600
"""A group that has no name on this machine."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several users")

START_WEB = """
import os, sys
from app.auth.callers import SharedSecret
from app.domain.errors import SettingsInvalid
from app.logs import configure_logs
from pathlib import Path
path, group, uid, groups = sys.argv[1:]
os.setgroups([int(g) for g in groups.split(",") if g])
os.setresgid(int(uid), int(uid), int(uid))
os.setresuid(int(uid), int(uid), int(uid))
configure_logs()
try:
    secret = SharedSecret(Path(path), group or None)
    secret.ensure()
    print("fits" if secret.problem() is None else secret.problem())
except SettingsInvalid as error:
    sys.exit(str(error))
"""
"""Starts web as the user `uid`. It imports everything before it changes the user."""


@dataclass(frozen=True)
class Started:
    """How the start ended: `refused` is empty when web started."""

    out: str
    refused: str

    @property
    def command(self) -> str:
        """The command that the operator has to run."""
        found = re.search(r"(sudo chown \S+ \S+ && sudo chmod \S+ [^\s\",]+)", self.refused or self.out)
        assert found, self
        return found[1].replace("sudo ", "")


def start(path: Path, uid: int, *, group: str = "", groups: tuple[int, ...] = (), before: str = "") -> Started:
    """`before`: shell commands that run first, in the start's own mount namespace."""
    arguments = (str(path), group, str(uid), ",".join(map(str, groups)))
    if before:
        words = ["unshare", "--mount", "sh", "-c", f'{before} && exec "$@"', "sh", sys.executable, "-c", START_WEB]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([*words, *arguments], env=env, capture_output=True, text=True, timeout=300, check=False)
    else:
        done = run(START_WEB, *arguments)
    assert SECRET not in done.stdout + done.stderr
    return Started(done.stdout, done.stderr.strip() if done.returncode else "")


def can_read(path: Path, uid: int, *groups: int) -> bool:
    """Whether a process of the user `uid` and of a group with the same number can; `groups`: what it is in besides."""
    code = f"import os; os.setgroups({list(groups)}); os.setresgid({uid}, {uid}, {uid}); "
    code += f"os.setresuid({uid}, {uid}, {uid}); print(open({str(path)!r}).read())"
    return run(code).returncode == 0


def mode_and_owner(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return f"{stat.S_IMODE(found.st_mode):04o}", found.st_uid, found.st_gid


@pytest.fixture
def data() -> Iterator[Path]:
    """A directory that every user can enter, like the stack's data directory."""
    with TemporaryDirectory(prefix="secret-of-") as directory:
        Path(directory).chmod(0o755)
        if on_host(Path(directory)) != Path(directory):
            pytest.skip(f"{directory} has another path on the host")
        yield Path(directory)


def secret_file(data: Path, mode: int, uid: int = 0, gid: int = 0) -> Path:
    path = data / ".updater-secret"
    path.write_text(SECRET)
    os.chown(path, uid, gid)
    path.chmod(mode)
    return path


@needs_root
def test_owner_restricts_its_file(data: Path) -> None:
    path = secret_file(data, 0o644, WEB, WEB)
    done = start(path, WEB)
    assert done.refused == ""
    assert mode_and_owner(path) == ("0600", WEB, WEB)
    assert "a caller that runs as another user needs UPDATER_SECRET_GROUP" in done.out
    assert (can_read(path, WEB), can_read(path, STRANGER)) == (True, False)


@needs_root
def test_owner_shares_its_file_with_a_gid(data: Path) -> None:
    path = secret_file(data, 0o644, WEB, WEB)
    done = start(path, WEB, group=str(CLIENT), groups=(CLIENT,))
    assert (done.refused, mode_and_owner(path)) == ("", ("0640", WEB, CLIENT))
    assert [can_read(path, uid) for uid in (WEB, CLIENT, STRANGER)] == [True, True, False]


@needs_root
def test_closed_file_is_opened_to_the_client_group(data: Path) -> None:
    path = secret_file(data, 0o600, WEB, WEB)
    assert start(path, WEB, group=str(CLIENT), groups=(CLIENT,)).refused == ""
    assert (can_read(path, CLIENT), can_read(path, STRANGER)) == (True, False)


@needs_root
def test_new_file_is_shared_with_a_gid(data: Path) -> None:
    data.chmod(0o777)
    path = data / "new"
    assert start(path, WEB, group=str(CLIENT), groups=(CLIENT,)).refused == ""
    assert mode_and_owner(path) == ("0640", WEB, CLIENT)


@needs_root
@pytest.mark.parametrize("before", [None, 0o600, 0o644])
def test_callers_of_any_user_read_through_a_nameless_gid(data: Path, before: int | None) -> None:
    """As in the production stack: the group is a number, web's own is that one, and callers get it with `group_add`."""
    with pytest.raises(KeyError):
        grp.getgrgid(WEB)
    data.chmod(0o777)
    path = data / ".updater-secret" if before is None else secret_file(data, before, WEB, WEB)
    assert start(path, WEB, group=str(WEB)).refused == ""
    assert mode_and_owner(path) == ("0640", WEB, WEB)
    assert [can_read(path, uid, WEB) for uid in (CLIENT, STRANGER)] == [True, True]
    assert [can_read(path, uid) for uid in (CLIENT, STRANGER)] == [False, False]


@needs_root
@pytest.mark.parametrize(
    ("group", "groups", "expected"),
    [
        ("", (), ("0600", WEB, WEB)),
        (str(CLIENT), (CLIENT,), ("0640", 0, CLIENT)),
        (str(CLIENT), (), ("0640", WEB, CLIENT)),
    ],
)
def test_roots_file_is_refused_with_a_fix_command(
    data: Path, group: str, groups: tuple[int, ...], expected: tuple[str, int, int]
) -> None:
    """The old sidecar ran as root, so root owns the file."""
    path = secret_file(data, 0o644)
    refused = start(path, WEB, group=group, groups=groups)
    assert "the file belongs to uid 0. Traffic is unchanged. Run on the host: sudo chown " in refused.refused
    assert mode_and_owner(path) == ("0644", 0, 0)
    subprocess.run(["sh", "-c", refused.command], check=True)
    assert mode_and_owner(path) == expected
    assert start(path, WEB, group=group, groups=groups) == Started("fits\n", "")


@needs_root
def test_fix_command_keeps_the_clients_ownership(data: Path) -> None:
    """Web reads the file through its own group."""
    path = secret_file(data, 0o644, CLIENT, CLIENT)
    refused = start(path, WEB, group=str(WEB))
    subprocess.run(["sh", "-c", refused.command], check=True)
    assert mode_and_owner(path) == ("0640", CLIENT, WEB)
    assert start(path, WEB, group=str(WEB)) == Started("fits\n", "")
    assert [can_read(path, uid) for uid in (WEB, CLIENT, STRANGER)] == [True, True, False]


@needs_root
def test_unreadable_file_gets_a_fix_command(data: Path) -> None:
    path = secret_file(data, 0o600)
    refused = start(path, WEB)
    assert f"this process (uid {WEB}) cannot read {path}" in refused.refused
    subprocess.run(["sh", "-c", refused.command], check=True)
    assert start(path, WEB).refused == ""


@needs_root
def test_owner_outside_the_group_changes_nothing(data: Path) -> None:
    path = secret_file(data, 0o644, WEB, WEB)
    refused = start(path, WEB, group=str(SHARED))
    assert f"this process is not in the group {SHARED}" in refused.refused
    assert mode_and_owner(path) == ("0644", WEB, WEB)


@needs_root
def test_file_of_another_group_is_reported(data: Path) -> None:
    path = secret_file(data, 0o640, 0, CLIENT)
    done = start(path, WEB, group=str(SHARED), groups=(CLIENT,))
    assert done.refused == ""
    assert f"gid {SHARED} should read it" in done.out
    assert done.command.startswith(f"chown {WEB}:{SHARED} "), "web has to own the file, because it is not in the group"
    assert mode_and_owner(path) == ("0640", 0, CLIENT)


@needs_root
def test_file_shared_by_root_stays_unchanged(data: Path) -> None:
    path = secret_file(data, 0o640, 0, WEB)
    assert start(path, WEB, group=str(WEB)) == Started("fits\n", "")
    assert mode_and_owner(path) == ("0640", 0, WEB)


@needs_root
def test_read_only_mount_is_reported(data: Path) -> None:
    path = secret_file(data, 0o644, WEB, WEB)
    read_only = f"mount --bind {data} {data} && mount -o remount,bind,ro {data}"
    if subprocess.run(["unshare", "--mount", "sh", "-c", read_only], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not allow mounts")
    refused = start(path, WEB, before=read_only)
    assert "the file is on a read-only mount" in refused.refused
    assert f"chmod 0600 {path}" in refused.command
    closed = secret_file(data, 0o600, WEB, WEB)
    assert start(closed, WEB, before=read_only).refused == ""


def test_fix_command_quotes_a_path_with_a_space(tmp_path: Path) -> None:
    assert f"'{tmp_path}/the secret'" in Permissions().command(tmp_path / "the secret")


@pytest.mark.parametrize(("group", "gid"), [("root", 0), ("0", 0), ("65532", 65532), (str(2**32 - 2), 2**32 - 2)])
def test_a_group_is_a_name_or_a_number(group: str, gid: int) -> None:
    assert gid_of(group) == gid


@pytest.mark.parametrize("group", ["no-such-group", "", "-1", "1.5", "٣", str(2**32 - 1), "9" * 40])
def test_invalid_group_is_refused(group: str) -> None:
    with pytest.raises(SettingsInvalid, match="UPDATER_SECRET_GROUP"):
        gid_of(group)
