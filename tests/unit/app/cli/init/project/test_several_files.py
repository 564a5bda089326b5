"""A project with several Compose files, named in its .env."""

import os
from pathlib import Path

import pytest
import yaml

from app.cli.errors import Refused
from app.cli.init.answers import NO_ANSWERS, Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

FLAGS = ["--entrypoints.web.address=:80", "--providers.docker=true"]
RULE = {"traefik.http.routers.shop.rule": "Host(`a.b`)"}
CLOSED = {"traefik.http.routers.shop.middlewares": "auth@file"}
ALONE = {"UPDATER_COMPOSE": "false"}
COMPOSE = dict(os.environ)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    colors = ("shop-blue", "shop-green")
    base = {name: {"image": "shop", "labels": RULE, "expose": [8000]} for name in colors}
    proxy = {"image": "traefik:v3", "command": FLAGS}
    write(tmp_path / "compose.yaml", {"name": "p", "services": {**base, "proxy": proxy}})
    write(tmp_path / "prod.yml", {"services": {name: {"labels": CLOSED} for name in colors}})
    (tmp_path / ".env").write_text("COMPOSE_FILE=compose.yaml:prod.yml\n")
    return tmp_path


def write(file: Path, content: object) -> None:
    file.write_text(yaml.safe_dump(content))


def init(project: Path, environ: dict[str, str], given: Answers = NO_ANSWERS) -> Written:
    return write_stack_file(project, project / "stack.yml", force=True, environ=environ, answers=given)


def test_password_of_the_second_file_is_kept(project: Path) -> None:
    stack = load_stack(init(project, COMPOSE).path)
    assert stack.compose_files == ("compose.yaml", "prod.yml")
    assert stack.routed[0].routes[0].middlewares == ("auth@file",)


def test_second_file_that_is_not_read_is_refused(project: Path) -> None:
    with pytest.raises(Refused, match=r"prod\.yml is not known, because Compose could not read the project"):
        init(project, ALONE)
    assert init(project, ALONE, Answers(("prod.yml",))).path.exists()


def test_override_file_can_be_read_by_naming_it(project: Path) -> None:
    (project / ".env").unlink()
    (project / "prod.yml").rename(project / "compose.override.yaml")
    with pytest.raises(Refused, match=r"name both files in COMPOSE_FILE of \.env"):
        init(project, COMPOSE)
    (project / ".env").write_text("COMPOSE_FILE=compose.yaml:compose.override.yaml\n")
    assert load_stack(init(project, COMPOSE).path).routed[0].routes[0].middlewares == ("auth@file",)


def test_file_outside_the_project_is_refused(project: Path) -> None:
    outside = project.parent / "outside.yml"
    write(outside, {"services": {}})
    (project / ".env").write_text("COMPOSE_FILE=compose.yaml:../outside.yml\n")
    with pytest.raises(Refused, match=r"The Compose file .*outside\.yml is outside"):
        init(project, COMPOSE)
