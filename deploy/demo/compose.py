"""Runs Docker Compose as the operator of a stack on this machine."""

import os
import subprocess

from deploy.demo.updated_stack import UpdatedStack
from workers.adapters.docker_host.compose.program import find_compose

COMPOSE_SECONDS = 600


def compose(home: UpdatedStack, *words: str) -> None:
    """Runs `docker compose` for the project in the live directory. Raises RuntimeError with Compose's output."""
    command = [*find_compose(), "--project-name", home.project, *words]
    env = {**os.environ, "DOCKER_HOST": home.engine.host, "COMPOSE_BAKE": "false"}
    done = subprocess.run(
        command, cwd=home.live, env=env, capture_output=True, text=True, check=False, timeout=COMPOSE_SECONDS
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
