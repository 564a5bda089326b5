"""Compose files that only a plain `docker compose` in the live directory reads."""

from pathlib import Path

import pytest

from tests.examples import a_stack
from workers.definition.files.live_compose import unused_files

PUBLISHED = "/srv/updater/data/releases/current/compose.json"


def found(live: Path, *compose_files: str, env: str | None = None) -> str:
    if env is not None:
        (live / ".env").write_text(env)
    return str(unused_files(a_stack(directory=str(live), compose_files=compose_files or ("compose.yaml",))) or "")


@pytest.mark.parametrize("name", ["docker-compose.override.yml", "compose.override.yaml"])
def test_override_of_the_host_is_named(tmp_path: Path, name: str) -> None:
    assert found(tmp_path) == ""
    (tmp_path / name).write_text("")
    text = found(tmp_path, env="A=1\n")
    assert text.startswith(f"{tmp_path} has {name}, which a plain `docker compose` reads there, but no release does")
    assert f"write compose_files: [compose.yaml, {name}] in the stack file" in text
    assert found(tmp_path, "compose.yaml", name) == ""


def test_override_beside_a_compose_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "compose.override.yml").write_text("")
    assert found(tmp_path) == ""
    assert "has docker/compose.override.yml," in found(tmp_path, "docker/compose.yml")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("compose.yaml:prod.yaml", "prod.yaml"),
        ("./compose.yaml:./deploy/../prod.yaml", "prod.yaml"),
        ("'compose.yaml:prod.yaml' # note", "prod.yaml"),
        ("compose.yaml;prod.yaml\nCOMPOSE_PATH_SEPARATOR=;", "prod.yaml"),
        ("{live}/compose.yaml:{live}/prod.yaml", "prod.yaml"),
        ("${PWD}/compose.yaml:$PWD/prod.yaml", "prod.yaml"),
        ("a.yaml:compose.yaml:b.yaml", "a.yaml, b.yaml"),
        ("/etc/shop/prod.yaml", "/etc/shop/prod.yaml"),
        ("../prod.yaml", "../prod.yaml"),
        (f"{PUBLISHED}:prod.yaml", "prod.yaml"),
        ("none\nCOMPOSE_FILE=prod.yaml", "prod.yaml"),
    ],
)
def test_other_file_in_compose_file_is_named(tmp_path: Path, value: str, named: str) -> None:
    text = found(tmp_path, env=f"COMPOSE_FILE={value.replace('{live}', str(tmp_path))}\n")
    assert text.startswith(f"COMPOSE_FILE in {tmp_path}/.env names {named}, which a plain")


@pytest.mark.parametrize("value", [PUBLISHED, f'"{PUBLISHED}"', "compose.yaml", "compose.yaml:${EXTRA}"])
def test_known_file_in_compose_file_is_no_finding(tmp_path: Path, value: str) -> None:
    """The updater's own block in .env: Compose then reads no override either."""
    (tmp_path / "docker-compose.override.yml").write_text("")
    block = f"# zetherion-updater: begin\nCOMPOSE_PROJECT_NAME=shop\nCOMPOSE_FILE={value}\n# zetherion-updater: end\n"
    assert found(tmp_path, env=block) == ""


def test_empty_compose_file_is_as_none(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.override.yml").write_text("")
    assert "docker-compose.override.yml" in found(tmp_path, env="COMPOSE_FILE=\n")
