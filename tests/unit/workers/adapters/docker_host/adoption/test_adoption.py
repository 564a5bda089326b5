"""Why an adopted release cannot be started again."""

from pathlib import Path
from typing import Any, cast

import pytest

from app.domain.stack import Color, Follower
from tests.examples import a_stack
from workers.adapters.docker_host.adoption.adoption import DockerAdoption
from workers.adapters.docker_host.adoption.model import as_counted
from workers.adapters.docker_host.adoption.record import Adopted, AdoptedFile
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.definition.services.copies import copies_of
from workers.ports import Instance, Stamp

STAMP = Stamp("v1.0.0", "a" * 40, "adopted-1")


class NoDocker:
    """No container is asked for: none is recorded."""


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        ("bot", "the container of bot (it had none when the stack was adopted)"),
        ("api-green", "the container of api-green (docker-compose.yml changed since it started)"),
    ],
)
async def test_missing_container_has_its_true_reason(tmp_path: Path, service: str, reason: str) -> None:
    file = AdoptedFile(tmp_path)
    file.put(Adopted(STAMP, {"c1": "api-blue"}))
    adoption = DockerAdoption(cast("Docker", NoDocker()), cast("Compose", None), a_stack(), file)
    assert await adoption.lost(STAMP.sha, [service]) == [reason]
    assert await adoption.lost("b" * 40, [service]) == []


def test_adopted_definition_has_as_many_copies_as_run() -> None:
    """Else a plain `docker compose up` would stop what an operator scaled by hand."""
    services: dict[str, dict[str, Any]] = {"api-blue": {"deploy": {"replicas": 1}}, "idle": {"scale": 4}}
    services |= {name: {} for name in ("api-green", "skills-blue", "bot", "redis", "worker")}
    names = ["api-blue"] * 3 + ["bot", "skills-blue"] + ["worker"] * 2
    running = [Instance(f"c{n}", name, "running") for n, name in enumerate(names)]
    stack = a_stack(followers=(Follower("queue", "worker"), Follower("idle", "idle")))
    counted = as_counted({"name": "shop", "services": services}, stack, Color.BLUE, running)
    assert {name: copies_of(service) for name, service in counted["services"].items()} == {
        **dict.fromkeys(services, 1),
        "api-blue": 3,
        "api-green": 3,
        "worker": 2,
        "idle": 4,
    }
