"""Installs packages of the distribution, and reports what is missing."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deploy.demo.processes import ROOT

APT_SECONDS = 600

APT_LOCK_SECONDS = 300
"""How long apt-get waits for another installation, such as a new machine's automatic updates."""

TURN = ROOT / ".cache" / "apt.lock"

Say = Callable[[str], None]


class EngineUnavailable(Exception):
    """A required part is missing and could not be installed. The text names the remedy."""


def apt_install(packages: Sequence[str], say: Say) -> None:
    """Installs packages, one call at a time. Raises EngineUnavailable with the end of apt's output."""
    if shutil.which("apt-get") is None:
        raise EngineUnavailable(
            f"{', '.join(packages)} is missing and there is no apt-get. Install it and run this again."
        )
    say(f"installing {' '.join(packages)} from the distribution")
    wait = ["-o", f"DPkg::Lock::Timeout={APT_LOCK_SECONDS}"]
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *wait, *packages]
    with turn():
        if run_apt(install).returncode:
            run_apt(["apt-get", "update"])
            if (again := run_apt(install)).returncode:
                raise EngineUnavailable(f"{' '.join(install)} failed:\n{again.stderr[-1500:]}")


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """Serializes installations by parallel tests. Each holds the lock for at most three times APT_SECONDS."""
    TURN.parent.mkdir(parents=True, exist_ok=True)
    with TURN.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_apt(
    command: list[str], cwd: Path | None = None, temporary: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs a package tool without prompts and captures its output. `temporary`: its TMPDIR, if not the usual one."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if temporary is not None:
        env["TMPDIR"] = str(temporary)
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        timeout=APT_SECONDS,
        capture_output=True,
        text=True,
        check=False,
    )


def which(tool: str) -> str | None:
    """Returns the path of `tool`, also from the sbin directories."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
