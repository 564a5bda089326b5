"""Finds the Docker Compose command on this machine."""

import shlex
import shutil
import sys
from pathlib import Path


def compose_command(configured: str | None = None, path: str | None = None) -> list[str] | None:
    """The command: `configured` (UPDATER_COMPOSE), `docker-compose` of this Python environment or in `path`, or the
    plugin. None if there is none.

    `path` is a PATH; None means the process's own.
    """
    if configured:
        return shlex.split(configured)
    beside = Path(sys.executable).with_name("docker-compose")
    if found := str(beside) if beside.exists() else shutil.which("docker-compose", path=path):
        return [found]
    docker = shutil.which("docker", path=path)
    return [docker, "compose"] if docker else None
