"""Starts what runs beside the moved services, and waits until it is ready."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.demo.docker.dockerd import connected
from deploy.demo.docker.projects import LABEL
from deploy.demo.own_stack.refusal import NotPlayable
from workers.adapters.docker_host.compose.program import find_compose

POLL_SECONDS = 0.2
LINES_SHOWN = 20
ADVICE = "Correct that in your stack, or leave the service out with --without NAME, and run this again."


def compose_up(model: Path, project: str, host: str, env_files: Sequence[Path], limit: float) -> None:
    """Builds, pulls and starts every service of `model`. Raises NotPlayable in Compose's words."""
    files = [word for file in env_files or [Path("/dev/null")] for word in ("--env-file", str(file))]
    command = [*find_compose(), "--file", str(model), "--project-name", project, *files, "--progress", "plain"]
    env = {**os.environ, "DOCKER_HOST": host, "COMPOSE_BAKE": "false"}
    words = [*command, "up", "--detach", "--build"]
    try:
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        raise NotPlayable(
            f"The services that no rollout moves did not start within {limit:.0f} seconds (times/build). {ADVICE}"
        ) from None
    if done.returncode:
        output = "\n  ".join((done.stdout + done.stderr).splitlines()[-LINES_SHOWN:])
        raise NotPlayable(f"The services that no rollout moves did not start:\n  {output}\n{ADVICE}")


def ready(host: str, project: str, limit: float) -> None:
    """Waits until each container runs, is healthy if it has a health check, or ended well. Raises NotPlayable."""
    deadline = time.monotonic() + limit
    filters: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={project}"}
    with connected(host) as client:
        while True:
            found = client.containers.list(all=True, filters=filters, ignore_removed=True)
            waiting = [container for container in found if not is_ready(container.attrs)]
            if not waiting:
                return
            if failed := next((c for c in waiting if has_failed(c.attrs) or time.monotonic() > deadline), None):
                lines = failed.logs(tail=LINES_SHOWN).decode(errors="replace").splitlines()
                state = failed.attrs["State"]
                how = (state.get("Health") or {}).get("Status") or f"{state['Status']}, exit code {state['ExitCode']}"
                name = failed.labels.get("com.docker.compose.service")
                logged = "\n  ".join(("The end of its log:", *lines)) if lines else "It logged nothing."
                raise NotPlayable(f"{name} did not become ready: {how}. {logged}\n{ADVICE}")
            time.sleep(POLL_SECONDS)


def is_ready(container: Mapping[str, Any]) -> bool:
    """By the engine's attributes of a container."""
    state = container["State"]
    if state["Status"] == "exited":
        return bool(state["ExitCode"] == 0)
    health = (state.get("Health") or {}).get("Status", "healthy")
    return bool(state["Status"] == "running" and health == "healthy")


def has_failed(container: Mapping[str, Any]) -> bool:
    """Whether it ended, and nothing starts it again."""
    state = container["State"]
    restarts = container["HostConfig"]["RestartPolicy"]["Name"] in {"always", "unless-stopped", "on-failure"}
    return bool(state["Status"] in {"exited", "dead"} and state["ExitCode"] != 0 and not restarts)
