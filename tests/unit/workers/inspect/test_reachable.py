import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.findings import Check
from tests.unit.workers.other_user import OTHER, as_other_user
from workers.inspect.reachable import Needed, apart, refused

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Path]:
    """A live directory that everyone can enter."""
    live = tmp_path / "home" / "shop"
    live.mkdir(parents=True)
    (live / "compose.yml").write_text("services: {}\n")
    for directory in (tmp_path, live.parent, live):
        directory.chmod(0o755)
    yield live
    live.parent.chmod(0o755)


def found(live: Path, *needed: Needed) -> list[Check]:
    with as_other_user(live.parent.parent):
        return refused(needed)


def obeyed(checks: list[Check]) -> None:
    """Runs each check's command, as root on the host."""
    for check in checks:
        assert check.remedy.startswith("Run on the host: "), check
        subprocess.run(["sh", "-c", check.remedy.removeprefix("Run on the host: ")], check=True, timeout=300)


@pytest.mark.parametrize(
    ("closed", "mode", "needed", "command"),
    [
        ("compose.yml", 0o600, Needed(Path("compose.yml")), "chgrp 65532 {} && chmod g+r {}"),
        ("", 0o700, Needed(Path("compose.yml")), "chmod o+x {}"),
        ("", 0o700, Needed(Path()), "chgrp 65532 {} && chmod g+rx {}"),
        ("", 0o755, Needed(Path(), write=True), "chgrp 65532 {} && chmod g+rwx {}"),
        ("..", 0o700, Needed(Path("compose.yml")), "chmod o+x {}"),
        ("", 0o755, Needed(Path(), whole=True), None),
        ("compose.yml", 0o600, Needed(Path(), whole=True), "chgrp -R 65532 {live} && chmod -R g+rX {live}"),
    ],
)
def test_command_opens_what_is_closed(live: Path, closed: str, mode: int, needed: Needed, command: str | None) -> None:
    path = Path(os.path.normpath(live / closed))
    path.chmod(mode)
    one = Needed(live / needed.path, write=needed.write, whole=needed.whole)
    checks = found(live, one)
    expected = [] if command is None else [f"Run on the host: {command.format(path, path, live=live)}"]
    assert [check.remedy for check in checks] == expected
    obeyed(checks)
    assert found(live, one) == []


def test_directory_of_its_own_is_given_to_the_group(live: Path) -> None:
    live.chmod(0o700)
    checks = found(live, Needed(live), Needed(live / "compose.yml"), Needed(live / ".env", optional=True))
    assert {check.remedy for check in checks} == {f"Run on the host: chgrp {OTHER} {live} && chmod g+rx {live}"}
    assert "mode 0700, owner 0:0" in checks[0].found


def test_missing_path_is_reported_unless_optional(live: Path) -> None:
    checks = found(live, Needed(live / "one"), Needed(live / "two", optional=True))
    assert [check.found for check in checks] == [f"{live / 'one'} is missing"]


def test_command_names_the_path_on_the_host(live: Path) -> None:
    (live / "compose.yml").chmod(0o600)
    (check,) = found(live, Needed(live / "compose.yml", outside=Path("/srv/a b")))
    assert check.remedy == "Run on the host: chgrp 65532 '/srv/a b' && chmod g+r '/srv/a b'"


MOUNTED = "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:1 /srv/traefik {traefik} rw - ext4 /dev/a rw\n"


def test_mount_inside_the_staging_mount_is_reported(tmp_path: Path) -> None:
    traefik, watched = tmp_path / "traefik", tmp_path / "traefik" / "dynamic"
    watched.mkdir(parents=True)
    mounts = MOUNTED.format(traefik=traefik)
    assert apart(traefik, watched, mounts) == []
    (check,) = apart(traefik, watched, f"{mounts}3 2 8:1 /other {watched} rw - ext4 /dev/a rw\n")
    assert f"findmnt --target {watched}" in check.remedy


def test_another_filesystem_is_reported(tmp_path: Path) -> None:
    (check,) = apart(tmp_path, Path("/proc"), MOUNTED.format(traefik="/none"))
    assert "two filesystems" in check.found


def test_link_into_a_closed_directory_is_named(live: Path) -> None:
    closed = live.parent / "private"
    closed.mkdir(mode=0o700)
    (closed / "env").write_text("A=b\n")
    (live / ".env").symlink_to(closed / "env")
    (check,) = found(live, Needed(live / ".env", optional=True))
    assert f"cannot enter {closed}" in check.found
    assert check.remedy == f"Run on the host: chmod o+x {closed}"


def test_link_out_of_the_mounts_is_not_missing(live: Path) -> None:
    """In the container its target does not exist, and the file counts as optional."""
    (live / ".env").symlink_to("/srv/elsewhere/env")
    (check,) = found(live, Needed(live / ".env", optional=True))
    assert f"{live}/.env is a link to /srv/elsewhere/env" in check.found


def test_mode_that_permits_is_not_advised_again(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else closes it, such as an SELinux label."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and Path(path).name != "compose.yml")
    (check,) = found(live, Needed(live / "compose.yml"))
    assert "SELinux" in check.remedy
