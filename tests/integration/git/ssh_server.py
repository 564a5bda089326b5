"""A real sshd on the loopback address, which runs without privileges.

Debian's packages are unpacked if the machine has no sshd: nothing is installed, and no service starts.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo.processes import free_port
from tests.integration.git.repositories import GIT_SECONDS

PACKAGES = ("openssh-server", "libwrap0", "libnss-wrapper")
USER, UNPRIVILEGED = "git", 12345
"""The user that logs in, and its id if the tests run as root: sshd lets in only the user that it runs as."""

DOWNLOAD_SECONDS = 600.0
_LISTENS = "Server listening on"


@dataclass(frozen=True)
class SshProgram:
    """The unpacked packages in `top`."""

    top: Path

    @property
    def sshd(self) -> Path:
        return self.top / "usr" / "sbin" / "sshd"

    def environment(self, passwd: Path, group: Path) -> dict[str, str]:
        """Gives sshd its libraries, and the one user in `passwd`. https://cwrap.org/nss_wrapper.html"""
        wrapper = next(self.top.rglob("libnss_wrapper.so"))
        return {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": str(wrapper.parent),
            "LD_PRELOAD": str(wrapper),
            "NSS_WRAPPER_PASSWD": str(passwd),
            "NSS_WRAPPER_GROUP": str(group),
        }


def ssh_program(directory: Path) -> SshProgram:
    """Fetches Debian's sshd. Skips the test if the machine has no Debian packages, and says so."""
    if missing := [name for name in ("apt-get", "dpkg", "ssh", "ssh-keygen") if not shutil.which(name)]:
        pytest.skip(f"not available here: {', '.join(missing)}, which an SSH server of the tests needs")
    command = ["apt-get", "download", *PACKAGES]
    got = subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
    if got.returncode:
        pytest.skip(f"apt-get download {' '.join(PACKAGES)} failed: {got.stderr.strip()[-200:]}")
    for package in directory.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, directory], check=True, timeout=GIT_SECONDS)
    return SshProgram(directory)


@dataclass(frozen=True)
class SshServer:
    """The server's port, and in `directory`: `host.pub`, its key, and `repositories`."""

    directory: Path
    port: int

    @property
    def host(self) -> str:
        return "127.0.0.1"

    def url(self, name: str) -> str:
        return f"ssh://{USER}@{self.host}:{self.port}{self.directory / 'repositories' / name}"

    @property
    def known_line(self) -> str:
        return f"[{self.host}]:{self.port} {(self.directory / 'host.pub').read_text()}"


def make_key(file: Path) -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(command, check=True, timeout=GIT_SECONDS)
    return file


@contextmanager
def serving_ssh(program: SshProgram, directory: Path, accepted: Path) -> Iterator[SshServer]:
    """Serves `directory/repositories` to the key whose public part is in `accepted`."""
    user = os.getuid() or UNPRIVILEGED
    make_key(directory / "host")
    shutil.copy(accepted, directory / "accepted")
    passwd, group = directory / "passwd", directory / "group"
    passwd.write_text(f"{USER}:x:{user}:{user}::{directory}:/bin/sh\n")
    group.write_text(f"{USER}:x:{user}:\n")
    port = free_port()
    (directory / "sshd_config").write_text(_config(directory, port))
    if os.getuid() == 0:
        _give(directory, user)
    command = [program.sshd, "-D", "-e", "-f", directory / "sshd_config"]
    other = {"user": user, "group": user, "extra_groups": []} if os.getuid() == 0 else {}
    environment = program.environment(passwd, group)
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **other) as process:  # type: ignore[call-overload]
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert _LISTENS in first, first + process.stderr.read()
            yield SshServer(directory, port)
        finally:
            process.terminate()
            process.communicate(timeout=GIT_SECONDS)


def _config(directory: Path, port: int) -> str:
    """Git would not serve a repository of another owner: here the tests made it."""
    settings = {
        "Port": str(port),
        "ListenAddress": "127.0.0.1",
        "HostKey": str(directory / "host"),
        "AuthorizedKeysFile": str(directory / "accepted"),
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "StrictModes": "no",
        "PidFile": "none",
        "SetEnv": "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _give(directory: Path, user: int) -> None:
    for path in (directory, *directory.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)
