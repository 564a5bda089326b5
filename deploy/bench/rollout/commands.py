"""The commands of a person without an updater: Git, Compose and Docker, one after the other."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from docker import DockerClient
from docker.models.containers import Container

from deploy.demo.docker.projects import LABEL
from workers.adapters.docker_host.compose.program import find_compose

COMMAND_SECONDS = 600


@dataclass(frozen=True)
class Commands:
    """Works in `place`, a clone of `repository`, with its Compose file `file`. Raises RuntimeError if a command fails.

    `variables`: for interpolation, beside `env_file`.
    """

    repository: str
    place: Path
    file: str
    project: str
    host: str
    env_file: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def check_out(self, tag: str) -> None:
        if not self.place.exists():
            _run(["git", "clone", "--quiet", "--no-checkout", self.repository, str(self.place)], {})
        git = ["git", "-C", str(self.place)]
        _run([*git, "fetch", "--quiet", "origin", f"refs/tags/{tag}:refs/tags/{tag}"], {})
        _run([*git, "checkout", "--quiet", "--detach", f"refs/tags/{tag}"], {})

    def compose(self, *words: str) -> str:
        """Runs Compose and returns its output."""
        named = ["--file", str(self.place / self.file), "--project-name", self.project]
        command = [*find_compose(), *named, "--env-file", str(self.env_file), "--progress", "plain", *words]
        env = {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1", "COMPOSE_BAKE": "false", **self.variables}
        return _run(command, env)

    def containers(self, client: DockerClient, service: str) -> list[Container]:
        """The service's containers that run."""
        wanted = [f"{LABEL}={self.project}", f"com.docker.compose.service={service}"]
        return list(client.containers.list(filters={"label": wanted}))


def _run(command: list[str], env: Mapping[str, str]) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
