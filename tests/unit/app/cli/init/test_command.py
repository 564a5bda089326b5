"""Complete stack files, written for real Compose projects and parsed by the updater's own reader."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from app.cli.errors import Refused, WrongUse
from app.cli.init.answers import Answers
from app.cli.init.command import Written, write_stack_file
from app.cli.init.project.compose_file import github_name
from app.config.stack_file import load_stack
from app.domain.stack import Color, Singleton, Stack, Times
from tests.examples import a_traefik

ROOT = Path(__file__).parents[5]
DEMO = ROOT / "deploy" / "demo" / "stack"
LABELS = ROOT / "tests" / "samples" / "compose" / "labels.yml"
DEMO_ENV = (
    "DEMO_BASE_IMAGE=base\nDEMO_TRAEFIK_IMAGE=some-image\nDEMO_ROUTES_DIR=/routes\nDEMO_OPERATOR_VALUE=hidden\n"
    "DEMO_SKILLS_PORT=18080\nDEMO_API_PORT=18443\nDEMO_GATEWAY_PORT=17001\n"
)
NO_COMPOSE = {**os.environ, "UPDATER_COMPOSE": "false"}


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    directory = tmp_path / "Shop.1"
    shutil.copytree(DEMO, directory)
    (directory / ".env").write_text(DEMO_ENV)
    remote(directory, "https://someone:credential@github.com/octo/shop.git")
    return directory


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    shutil.copy(LABELS, tmp_path / "compose.yaml")
    return tmp_path


def remote(directory: Path, url: str) -> None:
    for words in (["init", "--quiet"], ["remote", "add", "origin", url]):
        subprocess.run(["git", "-C", str(directory), *words], check=True, timeout=300)


def init(
    directory: Path, *, force: bool = False, environ: Mapping[str, str] = os.environ
) -> tuple[Stack, Written, str]:
    # In the demo no routes yet, and an image of its own; other projects here have no Traefik.
    answers = Answers(("/routes/dynamic", "traefik.yml", "traefik"), opened=("api", "skills", "web", "on", "1", "jobs"))
    written = write_stack_file(directory, directory / "stack.yml", force=force, environ=environ, answers=answers)
    return load_stack(written.path), written, "\n".join(written.lines())


@pytest.mark.parametrize("environ", [dict(os.environ), NO_COMPOSE], ids=["compose config", "the file alone"])
def test_demo_project_yields_a_complete_file(demo: Path, environ: dict[str, str]) -> None:
    stack, written, _ = init(demo, environ=environ)
    assert (stack.project, stack.repository, stack.directory) == ("shop1", "octo/shop", str(demo))
    assert stack.traefik.entrypoints == a_traefik(skills="http://traefik:8080", api="http://traefik:8443").entrypoints
    routed = {
        s.name: (s.colors[Color.BLUE], s.colors[Color.GREEN], s.port, s.health.path, s.routes[0].entrypoint)
        for s in stack.routed
    }
    assert routed == {
        "skills": ("skills-blue", "skills-green", 8080, "/health", "skills"),
        "api": ("api-blue", "api-green", 8443, "/api/v1/health", "api"),
    }
    assert stack.singletons == (Singleton("bot", "bot"),)
    assert (stack.times, written.notes.questions) == (Times(), {})


def test_no_secret_value_gets_into_file_or_output(demo: Path) -> None:
    _, written, output = init(demo)
    for text in (written.path.read_text(), output, str(written.document())):
        assert "hidden" not in text
        assert "credential" not in text


@pytest.mark.parametrize("environ", [dict(os.environ), NO_COMPOSE], ids=["compose config", "the file alone"])
def test_labeled_project_yields_file_and_questions(labels: Path, environ: dict[str, str]) -> None:
    stack, written, output = init(labels, environ=environ)
    assert stack.project == "zetherion-ai"
    routed = {s.name: (s.port, s.health.path, s.routes[0].entrypoint, s.routes[0].rule) for s in stack.routed}
    assert routed == {
        "api": (8443, "/api/v1/health?full=1", "websecure", "Host(`api.example.org`)"),
        "skills": (8080, "/health", "skills", "PathPrefix(`/`)"),
    }
    assert stack.traefik.entrypoints == a_traefik(websecure="http://proxy:443", skills="http://proxy:8080").entrypoints
    assert {s.name: s.service for s in stack.singletons} == {"bot": "zetherion-ai-bot", "mail": "zetherion-ai-mail"}
    assert stack.times.stop_grace == 90
    assert stack.repository == "example/zetherion-ai"
    text = written.path.read_text()
    assert "    health: /health # QUESTION: no source has it; /health is a placeholder\n" in text
    assert "    port: 8080 # QUESTION: which of 8080, 9100? expose or ports says 8080 or 9100\n" in text
    assert (
        "repository: example/zetherion-ai # QUESTION: git's remote origin is not on GitHub, or there is none\n" in text
    )
    assert list(written.notes.questions) == ["routed/skills/port", "routed/skills/health", "repository"]
    assert "  # digest-worker:\n  #   service: zetherion-ai-digest-worker\n" in text
    assert "postgres" not in text
    assert "zetherion-updater-worker" not in text
    assert "not-for-anyone" not in text + output
    for hint in (
        "zetherion-ai-api-green publishes a port",
        "remove Traefik's labels from",
        "may zetherion-ai-digest-worker run twice",
    ):
        assert hint in output


def test_written_file_has_every_committed_key(demo: Path) -> None:
    _, written, _ = init(demo)
    committed = yaml.safe_load((ROOT / "config" / "stack.yml").read_text())
    found = yaml.safe_load(written.path.read_text())
    assert list(found) == [key for key in committed if key != "updater"], "the demo's project has no updater"
    for part in ("traefik", "times", "checks", "needs", "keep"):
        assert list(found[part]) == list(committed[part])
    assert "# source: " in written.path.read_text()
    assert "\n# updater:\n#   web: updater\n" in written.path.read_text()


def test_updater_is_found_in_its_own_project(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy" / "docker-compose.yml", tmp_path)
    shutil.copytree(ROOT / "config" / "traefik", tmp_path / "traefik")
    lines = (ROOT / "deploy" / ".env.example").read_text().splitlines()
    (tmp_path / ".env").write_text("\n".join(f"{line}1000" if line.endswith("=") else line for line in lines))
    _, written, output = init(tmp_path)
    committed = yaml.safe_load((ROOT / "config" / "stack.yml").read_text())
    found = yaml.safe_load(written.path.read_text())
    assert list(found) == list(committed)
    assert found["updater"] == committed["updater"]
    assert "updater: zetherion-ai-updater and zetherion-ai-updater-worker" in output
    assert "UPDATER_TRAEFIK_DYNAMIC_PATH" not in output, "its worker already has it"
    assert found["traefik"]["metrics"] == committed["traefik"]["metrics"]


def test_caller_of_a_color_is_in_the_report(demo: Path) -> None:
    file = demo / "docker-compose.yml"
    project = yaml.safe_load(file.read_text())
    assert init(demo)[1].notes.callers == []
    project["services"]["cron"] = {"image": "x", "environment": {"SKILLS": "http://a:credential@skills-blue:8080"}}
    file.write_text(yaml.safe_dump(project))
    _, written, output = init(demo, force=True)
    assert "\nServices that call a routed one by name:\n  `cron` calls `skills-blue` in its variable SKILLS: " in output
    assert "            aliases: [skills]\n" in output
    assert "credential" not in output
    assert written.document()["callers"] == written.notes.callers


def test_existing_file_needs_force(demo: Path) -> None:
    (demo / "stack.yml").write_text("mine\n")
    with pytest.raises(WrongUse, match="--force"):
        init(demo)
    assert (demo / "stack.yml").read_text() == "mine\n"
    assert init(demo, force=True)[0].project == "shop1"


def test_project_without_colors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services:\n  api: {image: x}\n  lone-blue: {image: x}\n")
    with pytest.raises(Refused, match=r"two colors, and none both takes requests .*api, lone-blue.* listens on a port"):
        init(tmp_path)
    assert not (tmp_path / "stack.yml").exists()


def test_invalid_result_is_not_written(tmp_path: Path) -> None:
    labels = "{traefik.http.routers.api.rule: 'Host(`a`, `b`)'}"
    colors = (f"  api-{color}: {{image: x, labels: {labels}}}\n" for color in ("blue", "green"))
    (tmp_path / "docker-compose.yml").write_text(f"services:\n{''.join(colors)}")
    with pytest.raises(Refused, match="routed/api/rule"):
        init(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["docker-compose.yml"]


@pytest.mark.parametrize("environ", [dict(os.environ), NO_COMPOSE], ids=["compose config", "the file alone"])
def test_services_with_capitals_and_dots_get_valid_names(tmp_path: Path, environ: dict[str, str]) -> None:
    """Compose's own names stay where a Compose service is meant."""
    services = ["API-Blue", "API-Green", "api.v1_blue", "api.v1_green", "_web.blue", "_web.green", "My.Bot", "my-bot"]
    hosts = {name: f"Host(`{name.lower().strip('_')[:6]}.x`)".replace("-", "") for name in services}
    definitions = {
        name: {"image": "x", "expose": ["80"], "labels": {f"traefik.http.routers.r{number // 2}.rule": hosts[name]}}
        for number, name in enumerate(services[:6])
    } | {name: {"image": "x"} for name in services[6:]}
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"name": "p", "services": definitions}, sort_keys=False))
    stack, _, _ = init(tmp_path, environ=environ)
    assert {s.name: (s.colors[Color.BLUE], s.colors[Color.GREEN]) for s in stack.routed} == {
        "api": ("API-Blue", "API-Green"),
        "api-v1": ("api.v1_blue", "api.v1_green"),
        "web": ("_web.blue", "_web.green"),
    }
    assert {s.name: s.service for s in stack.singletons} == {"my-bot": "my-bot", "my-bot-2": "My.Bot"}


@pytest.mark.parametrize(
    "text", ["services: [\n", "- a\n", "services: {a: !!python/object/apply:os.system ['true']}\n"]
)
def test_invalid_compose_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "docker-compose.yml").write_text(text)
    with pytest.raises(Refused, match="cannot be read"):
        init(tmp_path)


def test_missing_compose_file_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no Compose file"):
        init(tmp_path)


def test_names_like_yaml_values_stay_strings(tmp_path: Path) -> None:
    services = "".join(f"  {name}-{color}: {{image: x}}\n" for name in ("on", "1") for color in ("blue", "green"))
    (tmp_path / "docker-compose.yml").write_text(f"name: '123'\nservices:\n{services}")
    stack, _, output = init(tmp_path)
    assert "routed/1/rule: on has the same entrypoint and rule" in output
    assert (stack.project, sorted(s.name for s in stack.routed)) == ("123", ["1", "on"])


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/octo/shop.git", "octo/shop"),
        ("https://token@github.com/octo/shop", "octo/shop"),
        ("git@github.com:octo/shop.git", "octo/shop"),
        ("ssh://git@github.com/octo/shop.git", "octo/shop"),
        ("https://gitlab.com/octo/shop.git", None),
        ("/srv/git/shop", None),
        ("", None),
    ],
)
def test_the_repository_is_read_from_the_remote(url: str, name: str | None) -> None:
    assert github_name(url) == name


WITH_A_PASSWORD = """
name: shop
services:
  traefik:
    image: traefik:v3
    command: [--entrypoints.websecure.address=:443, --providers.docker=true]
  admin-blue: &admin
    image: admin
    expose: [8000]
    labels:
      traefik.http.routers.admin.rule: Host(`admin.example.org`)
      traefik.http.routers.admin.entrypoints: websecure
      traefik.http.routers.admin.tls.certresolver: le
      traefik.http.routers.admin.middlewares: password
      traefik.http.routers.admin.priority: "50"
      traefik.http.middlewares.password.basicauth.users: "ada:secret"
      traefik.http.services.admin.loadbalancer.server.port: "8000"
      traefik.http.services.admin.loadbalancer.sticky.cookie.name: seat
  admin-green: *admin
"""


@pytest.mark.parametrize("environ", [dict(os.environ), NO_COMPOSE], ids=["compose config", "the file alone"])
def test_password_of_a_route_is_carried_over(tmp_path: Path, environ: dict[str, str]) -> None:
    """The labels that define it are to be removed, so where it is defined from then on is a question."""
    (tmp_path / "compose.yaml").write_text(WITH_A_PASSWORD)
    stack, written, output = init(tmp_path, environ=environ)
    (admin,) = stack.routed
    (route,) = admin.routes
    assert (route.entrypoint, route.rule, route.tls) == (
        "websecure",
        "Host(`admin.example.org`)",
        {"certResolver": "le"},
    )
    assert (route.middlewares, route.priority) == (("password@docker",), 50)
    assert admin.sticky == {"cookie": {"name": "seat"}}
    assert stack.traefik.entrypoints["websecure"].url == "https://traefik:443"
    question = written.notes.questions["routed/admin/middlewares"]
    assert question == (
        "labels of admin-blue define password, and these labels are to be removed: write them into a file of the "
        "watched directory, and name them here with @file"
    )
    assert f" # QUESTION: {question}" in written.path.read_text()
    assert "secret" not in output + written.path.read_text()
