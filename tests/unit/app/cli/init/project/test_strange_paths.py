"""Paths that no file can have: they are named, and nothing fails with a traceback."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.errors import CommandError, Refused
from app.cli.init.command import Written, write_stack_file
from app.cli.views.text import plain

FLAGS = ["--entrypoints.web.address=:80", "--providers.docker=true"]
SHOP = {"image": "shop", "expose": [8000], "labels": {"traefik.http.routers.shop.rule": "Host(`a.b`)"}}


def init(project: Path, model: dict[str, Any] | str) -> Written:
    text = model if isinstance(model, str) else yaml.safe_dump(model)
    (project / "compose.yaml").write_text(text)
    return write_stack_file(project, project / "s.yml", force=True, environ={"UPDATER_COMPOSE": "false"})


def model(**traefik: Any) -> dict[str, Any]:
    proxy = {"image": "traefik:v3", "command": FLAGS, **traefik}
    return {"name": "p", "services": {"shop-blue": SHOP, "shop-green": SHOP, "proxy": proxy}}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"configs": {"c": {"file": "\ud800"}}}, "configs/c/file"),
        ({"volumes": {"\udfff": {}}}, "a key of volumes"),
        ({"x-a": ["b", {"c": "\ud800"}]}, "x-a/1/c"),
        ({"\ud800": 1}, "a key of the file"),
    ],
)
def test_half_of_a_character_in_the_project_is_named(project: Path, change: dict[str, Any], path: str) -> None:
    with pytest.raises(Refused, match=rf"compose\.yaml cannot be read: {path} has half of a character"):
        init(project, {**model(configs=[{"source": "c", "target": "/dynamic/c.yml"}]), **change})
    assert not (project / "s.yml").exists()


def test_project_that_contains_itself_is_refused(project: Path) -> None:
    with pytest.raises(Refused, match="it refers to itself"):
        init(project, "x-a: &a [*a]\nservices: {}\n")


@pytest.mark.parametrize("part", ["\\ud800", "\\0"])
@pytest.mark.parametrize("key", ["directory", "filename"])
def test_path_that_traefik_cannot_open_is_named(project: Path, part: str, key: str) -> None:
    static = (
        f'entryPoints: {{web: {{address: ":80"}}}}\nproviders: {{docker: {{}}, file: {{{key}: "/dynamic/{part}"}}}}'
    )
    (project / "traefik.yml").write_text(static)
    with pytest.raises(CommandError, match=r"/dynamic/. is not mounted from this machine|/dynamic/. is mounted from"):
        init(project, model(command=[], volumes=["./traefik.yml:/etc/traefik/traefik.yml", "./dynamic:/dynamic"]))


def test_directory_whose_name_is_not_text_is_refused(tmp_path: Path) -> None:
    project = tmp_path / os.fsdecode(b"shop-\xff")
    project.mkdir()
    subprocess.run(["git", "init", "--quiet", str(project)], check=True, timeout=300)
    with pytest.raises(Refused, match="directory: should be a valid string") as refusal:
        init(project, model())
    assert plain(refusal.value).encode()
