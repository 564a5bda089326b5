import asyncio
import os
import shutil
from pathlib import Path

import pytest
import yaml

from app.config.compose_command import compose_command
from app.config.stack_file import parse_stack
from app.domain.stack import EngineKind, Stack
from deploy.demo.processes import ROOT
from tests.unit.workers.other_user import as_other_user
from workers.permissions import examined

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
COMPOSE = {name: {"image": "a"} for name in ("api-blue", "api-green", "bot")}


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compose where every user can run it: a checkout below /root is closed to others."""
    (command,) = compose_command() or [""]
    copy = tmp_path_factory.mktemp("compose") / "docker-compose"
    shutil.copy(command, copy)
    for path in (copy, copy.parent, copy.parent.parent):
        path.chmod(0o755)
    return copy


@pytest.fixture
def environ(tmp_path: Path, compose: Path) -> dict[str, str]:
    """The worker's environment on a host where docs/from-the-sidecar.md was followed."""
    live, updater = tmp_path / "live", tmp_path / "updater"
    for directory in (live / "config" / "traefik" / "dynamic", live / ".git", updater / "data"):
        directory.mkdir(parents=True)
    (live / ".env").write_text("A=b\n")
    (live / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (live / "docker-compose.yml").write_text(yaml.safe_dump({"services": COMPOSE}))
    (live / "config" / "traefik" / "dynamic" / "r.yml").write_text("http: {}\n")
    (updater / "stack.yml").write_text(STACK.format(live=live))
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for path in (live / "config" / "traefik", live / "config" / "traefik" / "dynamic", updater / "data"):
        os.chown(path, -1, 65532)
        path.chmod(0o770)
    return {
        "UPDATER_COMPOSE": str(compose),
        "UPDATER_STACK_FILE": str(updater / "stack.yml"),
        "UPDATER_DATA_DIR": str(updater / "data"),
        "UPDATER_TRAEFIK_DYNAMIC_PATH": f"{live}/config/traefik/dynamic/updater-routes.yml",
    }


STACK = """\
project: shop
repository: octo/shop
directory: {live}
traefik: {{entrypoints: {{web: "http://traefik:80"}}}}
routed: {{api: {{blue: api-blue, green: api-green, port: 80, health: /health, entrypoint: web}}}}
singletons: {{bot: {{service: bot}}}}
"""


def of_any_engine(file: Path) -> Stack:
    return parse_stack(yaml.safe_load(file.read_text()), engines=list(EngineKind))


def texts(environ: dict[str, str], tmp_path: Path) -> list[str]:
    asyncio.run(examined(environ, of_any_engine))  # imports everything: another user may not be able to
    with as_other_user(tmp_path):
        return [f"{check.found} {check.remedy}" for check in asyncio.run(examined(environ, of_any_engine))]


@pytest.mark.parametrize(
    ("closed", "mode", "text"),
    [
        ("live/docker-compose.yml", 0o600, "live/docker-compose.yml && chmod g+r"),
        ("live/.env", 0o600, "live/.env && chmod g+r"),
        ("live/.git/HEAD", 0o600, "chmod -R g+rX"),
        ("live", 0o700, "live && chmod g+rx"),
        ("live/config/traefik", 0o755, "traefik && chmod g+rwx"),
        ("live/config/traefik/dynamic", 0o755, "dynamic && chmod g+rwx"),
        ("live/config/traefik/dynamic/r.yml", 0o600, "r.yml && chmod g+r"),
        ("updater/data", 0o750, "data && chmod g+rwx"),
        ("updater/data/updater-state.json", 0o600, "updater-state.json && chmod g+r"),
        ("updater/stack.yml", 0o600, "stack.yml && chmod g+r"),
        ("updater/token", 0o600, "token && chmod g+r"),
    ],
)
def test_closed_path_is_named_with_its_command(
    environ: dict[str, str], tmp_path: Path, closed: str, mode: int, text: str
) -> None:
    (tmp_path / "updater" / "token").write_text("t")
    (tmp_path / "updater" / "data" / "updater-state.json").write_text("{}")
    environ["GITHUB_TOKEN_FILE"] = str(tmp_path / "updater" / "token")
    (tmp_path / closed).chmod(mode)
    found = texts(environ, tmp_path)
    assert [line for line in found if text in line], found


def in_redis(environ: dict[str, str], **more: str) -> dict[str, str]:
    """The environment of a process of a stack whose routes are in a Redis."""
    file = Path(environ["UPDATER_STACK_FILE"])
    stack = yaml.safe_load(file.read_text())
    stack |= {"engine": "swarm", "registry": "registry.example.org/team"}
    stack["traefik"]["redis"] = {"url": "redis://edge:6379"}
    file.write_text(yaml.safe_dump(stack))
    return {name: value for name, value in environ.items() if name != "UPDATER_TRAEFIK_DYNAMIC_PATH"} | more


def test_worker_with_routes_in_a_redis_needs_no_directory_of_traefik(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "live" / "config" / "traefik").chmod(0o755)
    (tmp_path / "live" / ".env").chmod(0o600)
    for named in ({}, {"UPDATER_TRAEFIK_DYNAMIC_PATH": "/nowhere/dynamic"}):
        (text,) = texts(in_redis(environ, **named), tmp_path)
        assert "live/.env && chmod g+r" in text
    assert not texts(in_redis(environ, GITHUB_WEBHOOK_SECRET="s"), tmp_path), "web reads nothing of the stack"


def test_nothing_is_changed(environ: dict[str, str], tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    texts(environ, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_open_directories_have_no_finding(environ: dict[str, str]) -> None:
    assert asyncio.run(examined(environ)) == []


def test_file_that_does_not_resolve_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "live" / "docker-compose.yml").write_text("services: {a: {env_file: gone.env, image: a}}\n")
    (check,) = asyncio.run(examined(environ))
    assert "docker-compose.yml does not resolve" in check.found
    assert "docker compose config" in check.remedy


def test_shared_secret_of_web_is_checked(environ: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    web = {"UPDATER_SECRET_PATH": str(secret), "UPDATER_SECRET_GROUP": "65532"}
    web["UPDATER_STACK_FILE"] = environ["UPDATER_STACK_FILE"]
    os.chown(secret, 1000, 65532)
    secret.chmod(0o640)
    assert texts(web, tmp_path) == []
    secret.chmod(0o644)
    (text,) = texts(web, tmp_path)
    assert f"sudo chown 1000:65532 {secret} && sudo chmod 0640 {secret}" in text


def test_image_lets_its_user_enter_root() -> None:
    assert "RUN chmod a+x /root\n" in (ROOT / "deploy" / "Dockerfile").read_text()
