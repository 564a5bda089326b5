"""What the distribution has to give, and how it is said that something is missing."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

APT_SECONDS = 600

Say = Callable[[str], None]


class EngineUnavailable(Exception):
    """Something real is missing here, and could not be had; the text says what to do."""


def apt_install(packages: Sequence[str], say: Say) -> None:
    """Installs from the distribution. Raises EngineUnavailable with apt's last words."""
    if shutil.which("apt-get") is None:
        raise EngineUnavailable(
            f"{', '.join(packages)} is missing and there is no apt-get. Install it and run this again."
        )
    say(f"installing {' '.join(packages)} from the distribution")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if run_apt(install).returncode:
        run_apt(["apt-get", "update"])
        if (again := run_apt(install)).returncode:
            raise EngineUnavailable(f"{' '.join(install)} failed:\n{again.stderr[-1500:]}")


def run_apt(command: list[str]) -> "subprocess.CompletedProcess[str]":
    """Runs a command of the package tools: no questions, its output kept."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=APT_SECONDS
    )


def which(tool: str) -> str | None:
    """Where `tool` is, the administrator's directories included."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
