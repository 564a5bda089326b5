"""Why an adopted release cannot be started again."""

from pathlib import Path
from typing import cast

import pytest

from tests.examples import a_stack
from workers.adapters.docker_host.adoption.adoption import DockerAdoption
from workers.adapters.docker_host.adoption.record import Adopted, AdoptedFile
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.ports import Stamp

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
