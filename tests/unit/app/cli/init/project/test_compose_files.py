from pathlib import Path

import pytest

from app.cli.errors import Refused, WrongUse
from app.cli.init.project.compose_files import compose_files


@pytest.mark.parametrize(
    "line",
    [
        "COMPOSE_FILE=compose.yaml:prod.yml",
        "A=b\nexport COMPOSE_FILE = 'compose.yaml:prod.yml'",
        'COMPOSE_FILE="compose.yaml:prod.yml" # both',
        "COMPOSE_FILE=compose.yaml;prod.yml\nCOMPOSE_PATH_SEPARATOR=;",
        "\ufeffCOMPOSE_FILE=compose.yaml:prod.yml:  # with a mark of Windows",
    ],
)
def test_files_come_from_the_env_file(tmp_path: Path, line: str) -> None:
    for name in ("compose.yaml", "prod.yml"):
        (tmp_path / name).touch()
    (tmp_path / ".env").write_text(line)
    assert compose_files(tmp_path, {}) == [tmp_path / "compose.yaml", tmp_path / "prod.yml"]
    assert compose_files(tmp_path, {"COMPOSE_FILE": "prod.yml"}) == [tmp_path / "prod.yml"]


def test_first_usual_name_is_the_default(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="There is no Compose file"):
        compose_files(tmp_path, {})
    (tmp_path / "docker-compose.yml").touch()
    assert compose_files(tmp_path, {"COMPOSE_FILE": ""}) == [tmp_path / "docker-compose.yml"]


def test_named_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COMPOSE_FILE=gone.yml")
    with pytest.raises(Refused, match=r"COMPOSE_FILE names gone\.yml"):
        compose_files(tmp_path, {})
