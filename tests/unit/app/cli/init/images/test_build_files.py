from pathlib import Path

import pytest

from app.cli.init.images.build_files import built_image
from app.cli.init.project.compose_file import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "web").mkdir()
    (tmp_path / "Dockerfile").write_text("FROM x\nEXPOSE 1\n")
    (tmp_path / "web" / "Dockerfile.web").write_text("FROM x AS a\nEXPOSE 2\nFROM x\nEXPOSE 3\n")
    return Project(tmp_path, "compose.yaml", {}, resolved=False)


@pytest.mark.parametrize(
    ("build", "ports", "where"),
    [
        (".", (1,), "Dockerfile"),
        ({"context": "."}, (1,), "Dockerfile"),
        ({"context": "./web", "dockerfile": "Dockerfile.web"}, (3,), "web/Dockerfile.web"),
        ({"context": "web", "dockerfile": "Dockerfile.web", "target": "a"}, (2,), "web/Dockerfile.web"),
        ({"dockerfile_inline": "FROM x\nARG P\nEXPOSE $P\n", "args": ["P=4"]}, (4,), "dockerfile_inline"),
    ],
)
def test_the_dockerfile_of_the_build_is_read(
    project: Project, build: object, ports: tuple[int, ...], where: str
) -> None:
    built = built_image(project, {"build": build})
    assert built is not None
    assert (built.image.ports, built.where) == (ports, where)


@pytest.mark.parametrize("build", [None, "./nowhere", "https://github.com/octo/shop.git", {"context": "\0"}])
def test_missing_dockerfile_yields_nothing(project: Project, build: object) -> None:
    assert built_image(project, {"build": build}) is None
