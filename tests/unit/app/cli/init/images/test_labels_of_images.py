from pathlib import Path

from app.cli.init.images.facts import ImageFacts
from app.cli.init.images.labels_of_images import with_image_labels
from app.cli.init.project.compose_file import Project

RULE, AUTH = "traefik.http.routers.shop.rule", "traefik.http.routers.shop.middlewares"


def test_labels_of_dockerfile_and_image_are_below_those_of_compose(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM a\nLABEL {RULE}=built {AUTH}=auth@file other=x\n")
    services = {"shop-blue": {"build": ".", "labels": [f"{RULE}=own"]}, "login": {"build": "."}, "db": {"image": "pg"}}
    project = Project(tmp_path, "compose.yaml", {"name": "p", "services": services}, resolved=True)
    image = ImageFacts(labels={AUTH: "old@file", "traefik.enable": "true", "maintainer": "x"})
    found = with_image_labels(project, ["shop-blue"], lambda _: image).services
    assert found["shop-blue"]["labels"] == {RULE: "own", AUTH: "auth@file", "traefik.enable": "true"}
    assert found["login"]["labels"] == {RULE: "built", AUTH: "auth@file"}
    assert found["db"] == {"image": "pg"}
