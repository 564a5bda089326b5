"""What the distribution has to give, and how it is said that something is missing."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence

from deploy.demo.processes import ROOT

APT_SECONDS = 600

APT_LOCK_SECONDS = 300
"""How long apt-get waits for another program that installs, as a new machine's own updates."""

TURN = ROOT / ".cache" / "apt.lock"

Say = Callable[[str], None]


class EngineUnavailable(Exception):
    """Something real is missing here, and could not be had; the text says what to do."""


def apt_install(packages: Sequence[str], say: Say) -> None:
    """Installs from the distribution, one call at a time. Raises EngineUnavailable with the end of apt's output."""
    if shutil.which("apt-get") is None:
        raise EngineUnavailable(
            f"{', '.join(packages)} is missing and there is no apt-get. Install it and run this again."
        )
    say(f"installing {' '.join(packages)} from the distribution")
    wait = ["-o", f"DPkg::Lock::Timeout={APT_LOCK_SECONDS}"]
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *wait, *packages]
    with _turn():
        if run_apt(install).returncode:
            run_apt(["apt-get", "update"])
            if (again := run_apt(install)).returncode:
                raise EngineUnavailable(f"{' '.join(install)} failed:\n{again.stderr[-1500:]}")


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Tests that run at once may install at once. Each holds the lock for three times APT_SECONDS at most."""
    TURN.parent.mkdir(parents=True, exist_ok=True)
    with TURN.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_apt(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Runs a command of the package tools: no questions, its output kept."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=APT_SECONDS
    )


def which(tool: str) -> str | None:
    """Where `tool` is, the administrator's directories included."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
