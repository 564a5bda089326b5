"""What is inside the container of a service that runs."""

from collections.abc import Sequence
from typing import Any

from deploy.demo.docker.engine import connected
from deploy.demo.environment import Environment

SKILLS = ("skills-blue", "skills-green")


def running_one(home: Environment, *services: str) -> dict[str, Any]:
    """The only container of `services` that runs, as the engine describes it."""
    (container,) = home.containers(*services, running_only=True)
    return container


def read_in(home: Environment, container: dict[str, Any], paths: Sequence[str]) -> list[str]:
    """The text of each file in the running container."""
    with connected(home.engine.host) as client:
        running = client.containers.get(container["Id"])
        read: list[Any] = [running.exec_run(["cat", path]).output for path in paths]
    return [output.decode() for output in read]
