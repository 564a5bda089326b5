"""A state file that belongs to another user, such as that of a sidecar that ran as root."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.host_paths import on_host
from tests.unit.forked import run

UID = 64_532
SIDECAR = b'{"paused": true, "pause_reason": "holidays"}'
LOAD = """
import asyncio, os, sys
from pathlib import Path
from app.domain.errors import SettingsInvalid
from workers.adapters.disk.journal import FileJournal
path, uid = Path(sys.argv[1]), int(sys.argv[2])
os.setgroups([])
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
try:
    print(FileJournal(path).load().pause_reason)
except SettingsInvalid as error:
    print(error)
"""
"""Loads the state as the user `uid`. It imports everything before it changes the user."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several users")


@pytest.fixture
def path() -> Iterator[Path]:
    """The state file's path, in a directory of the worker's user."""
    with TemporaryDirectory(prefix="state of ") as directory:
        os.chown(directory, UID, UID)
        if on_host(Path(directory)) != Path(directory):
            pytest.skip(f"{directory} has another path on the host")
        yield Path(directory, "updater-state.json")


def load(path: Path) -> str:
    done = run(LOAD, path, UID)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("copy", ["updater-state.json", "updater-state.json.previous"])
def test_unreadable_file_is_refused_and_the_command_helps(path: Path, copy: str) -> None:
    """The state is not lost: the file may say what is live, and that rollouts are paused."""
    path.write_bytes(b"{")
    path.chmod(0o644)
    path.with_name(copy).write_bytes(SIDECAR)
    path.with_name(copy).chmod(0o600)
    refused = load(path)
    assert f"this process (uid {UID}) cannot read {path.with_name(copy)} (Permission denied)" in refused
    assert "Traffic is unchanged" in refused
    command = re.search(r"sudo (chown \S+ '[^']+')", refused)
    assert command, refused
    subprocess.run(["sh", "-c", command[1]], check=True, timeout=300)
    assert "holidays" in load(path)
