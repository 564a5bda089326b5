"""The scheme of an entrypoint at port 443: TLS is known from Traefik's settings or from a router, else it is asked."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.config.stack_file import load_stack

POINT = "--entrypoints.edge.address=:443"
R = "traefik.http.routers.shop."


def init(project: Path, *flags: str, labels: dict[str, str] | None = None) -> Written:
    """Writes the stack file for `shop`, which every client may reach if `labels` have no router to it."""
    proxy = {"image": "traefik:v3", "command": [POINT, "--providers.docker=true", *flags]}
    copy: dict[str, Any] = {"image": "shop", "expose": [8000], "labels": labels or {}}
    services = {"traefik": proxy, "shop-blue": copy, "shop-green": copy}
    (project / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": services}))
    given = Answers(opened=() if labels else ("shop",))
    environ = {"UPDATER_COMPOSE": "false"}
    return write_stack_file(project, project / "s.yml", force=True, environ=environ, answers=given)


def url_of(written: Written) -> str:
    return load_stack(written.path).traefik.entrypoints["edge"].url


RULE = {f"{R}rule": "Host(`a.b`)", f"{R}entrypoints": "edge"}


@pytest.mark.parametrize(
    ("flags", "labels", "url"),
    [
        ((), RULE, "http://traefik:443"),
        ((), {**RULE, f"{R}tls": "true"}, "https://traefik:443"),
        (("--entrypoints.edge.http.tls=true",), RULE, "https://traefik:443"),
        (("--entrypoints.edge.http.tls=true",), None, "https://traefik:443"),
    ],
)
def test_scheme_follows_the_routers_and_the_entrypoint(
    tmp_path: Path, flags: tuple[str, ...], labels: dict[str, str] | None, url: str
) -> None:
    written = init(tmp_path, *flags, labels=labels)
    assert url_of(written) == url
    assert "traefik/entrypoints/edge" not in written.notes.questions


def test_unknown_scheme_of_port_443_is_a_question(tmp_path: Path) -> None:
    written = init(tmp_path)
    assert url_of(written) == "https://traefik:443"
    question = written.notes.questions["traefik/entrypoints/edge"]
    assert question.endswith("if it takes plain HTTP, write http://traefik:443")
    (line,) = [line for line in written.path.read_text().splitlines() if line.startswith("    edge:")]
    assert f"# QUESTION: {question}" in line
