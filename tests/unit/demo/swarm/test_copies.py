"""A release for a swarm has two copies of the routed service, and of nothing else."""

import shutil
from pathlib import Path

import pytest
import yaml

from deploy.demo.repository import CONTENT
from deploy.demo.swarm.copies import in_two_copies


def test_only_the_routed_service_gets_two_copies(tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    shutil.copy(CONTENT / file.name, file)
    before = yaml.safe_load(file.read_text())["services"]
    in_two_copies(tmp_path, "max_replicas_per_node: 1")
    after = yaml.safe_load(file.read_text())["services"]
    copied = {"deploy": {"replicas": 2, "placement": {"max_replicas_per_node": 1}}}
    assert {name for name in after if after[name] != before[name]} == {"skills-blue", "skills-green"}
    assert after["skills-blue"] == before["skills-blue"] | copied


def test_another_compose_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    with pytest.raises(ValueError, match=r"docker-compose\.yml does not contain"):
        in_two_copies(tmp_path)
