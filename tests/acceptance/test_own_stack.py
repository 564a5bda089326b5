"""`bin/demo --stack`: a user's own repository goes live twice and back, and nothing of the user's is touched."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.docker.engine import Engine, connected
from deploy.demo.docker.projects import LABEL
from deploy.demo.repository import CONTENT
from tests.acceptance.conftest import SHORT
from tests.acceptance.demo_run import demo
from tests.unit.demo.own_stack.stacks import git

pytestmark = pytest.mark.engine

STARTED_BY_HAND = f"zu-own-db-{os.getpid()}"
"""The container of the user's own project: the demo starts the same service beside it."""

REACHES_DB = "import socket; socket.create_connection(('db', 5432), 5)"
STARTS = f'test "$$ONLY_HERE" = "$SECRET" && python3 -c "{REACHES_DB}" && exec python3 app.py'
"""With the values of both env files, and after the database: else the service ends."""

STACK: dict[str, Any] = {
    "project": "own-shop",
    "repository": "octo/shop",
    "directory": "/nowhere/own-shop",
    "compose_files": ["deploy/compose.yaml"],
    "traefik": {
        "entrypoints": {
            "websecure": {"url": "https://traefik:443", "verify": True},
            "inner": "http://traefik:8000",
        },
        "metrics": "http://traefik:8082/metrics",
    },
    "routed": {
        "web": {
            "service": "web",
            "port": 8080,
            "health": "/health",
            "routes": [
                {
                    "entrypoint": "websecure",
                    "rule": "Host(`shop.example.org`)",
                    "tls": {"certResolver": "le", "options": "strict@file"},
                    "middlewares": ["auth@file", "zip@docker"],
                },
                {"entrypoint": "inner", "rule": "PathPrefix(`/version`)"},
            ],
        }
    },
    "times": {**SHORT, "image": 900},
    "checks": {"passes": 2, "interval": 0.25, "timeout": 2},
    "needs": {"disk_gb": 1, "memory_mb": 256},
}


def compose_file(base: str) -> dict[str, Any]:
    return {
        "services": {
            "web": {
                "build": {"context": "..", "dockerfile": "skills/Dockerfile", "args": {"BASE": base}},
                "container_name": "zu-own-web",
                "ports": ["18080:8080"],
                "env_file": "../app.env",
                "depends_on": {"db": {"condition": "service_healthy"}},
                "command": ["sh", "-c", STARTS],
                "init": True,
                "networks": ["front", "back"],
            },
            "db": {
                "image": base,
                "container_name": STARTED_BY_HAND,
                "command": ["python3", "-m", "http.server", "5432"],
                "ports": ["15432:5432"],
                "volumes": ["data:/var/lib/db", "../state:/state"],
                "healthcheck": {"test": ["CMD", "python3", "-c", REACHES_DB], "interval": "1s"},
                "networks": ["back"],
                "init": True,
            },
            "proxy": {"image": base, "depends_on": ["web"], "networks": ["front"]},
        },
        "networks": {"front": {}, "back": {}},
        "volumes": {"data": {}},
    }


@dataclass(frozen=True)
class Own:
    """The user's repository, whose newest commit is not released."""

    path: Path
    base: str

    def release(self, tag: str, old: str = "", new: str = "", **parts: Any) -> None:
        """Replaces `old` by `new` in the application, and `parts` of the Compose file."""
        app = self.path / "skills" / "app.py"
        app.write_text(app.read_text().replace(old, new) if old else app.read_text())
        (self.path / "skills" / "VERSION").write_text(f"{tag}\n")
        (self.path / "deploy" / "compose.yaml").write_text(yaml.safe_dump(compose_file(self.base) | parts))
        git(self.path, "add", "--all")
        git(self.path, "commit", "--quiet", "--message", tag)
        git(self.path, "tag", tag)


@pytest.fixture
def own(images: tuple[str, str], tmp_path: Path) -> Own:
    """A repository with one release, and what only the host has: two env files and a data directory."""
    path = tmp_path / "shop"
    for part in ("skills", "common"):
        shutil.copytree(CONTENT / part, path / part, ignore=shutil.ignore_patterns("__pycache__"))
    (path / "deploy").mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    (path / "stack.yml").write_text(yaml.safe_dump(STACK, sort_keys=False))
    (path / ".gitignore").write_text(".env\napp.env\nstate\n")
    (path / ".env").write_text("SECRET=only-the-host-has-it\n")
    (path / "app.env").write_text("ONLY_HERE=only-the-host-has-it\n")
    (path / "state").mkdir()
    (path / "state" / "rows").write_text("one\n")
    own = Own(path, images[0])
    own.release("v1.0.0")
    return own


@pytest.fixture
def started_by_hand(engine: Engine, images: tuple[str, str]) -> Iterator[str]:
    """The user's own `db`, which runs on the same engine. Its id."""
    with connected(engine.host) as client:
        container = client.containers.run(
            images[0], ["sleep", "infinity"], name=STARTED_BY_HAND, detach=True, init=True, labels={LABEL: "own-shop"}
        )
        try:
            yield str(container.id)
        finally:
            container.remove(force=True)


async def test_own_stack_goes_live_and_back_beside_itself(engine: Engine, own: Own, started_by_hand: str) -> None:
    own.release("v1.1.0")
    run = await demo(engine, own.path)
    assert run.code == 0
    assert run.left == []
    expected = {"before": "v1.0.0", "after": "v1.1.0", "result": "success", "rollback": "success", "tag_live": "v1.0.0"}
    assert run.outcome | expected | {"failed_requests": 0, "problems": []} == run.outcome
    assert len(run.outcome["by_route"]) == 2
    assert min(run.outcome["by_route"].values()) > 10
    assert run.outcome["flip_ms"] > 0
    assert any("made from web without its container_name" in warning for warning in run.outcome["warnings"])
    for said in (
        "middleware auth@file: it is on your host only",
        "certificate resolver le:",
        "because no release has it: .env, state, app.env",
        "proxy is not started: it needs web",
        "times/image: 20 seconds",
    ):
        assert said in run.log
    with connected(engine.host) as client:
        assert client.containers.get(started_by_hand).status == "running"


async def test_bad_release_is_shown_in_the_updater_s_words(engine: Engine, own: Own) -> None:
    own.release("v1.1.0", "HEALTHY = True", "HEALTHY = False")
    run = await demo(engine, own.path)
    assert (run.code, run.left) == (1, [])
    assert (run.outcome["result"], run.outcome["tag_live"], run.outcome["failed_requests"]) == ("failed", "v1.0.0", 0)
    assert "HTTP 503" in run.outcome["problems"][0]
    assert run.log.index(run.outcome["problems"][0][:40]) < run.log.index("Correct that, commit, tag the commit")


async def test_data_of_another_project_is_refused_before_anything_starts(engine: Engine, own: Own) -> None:
    own.release("v1.1.0", volumes={"data": {"name": "shop-data"}})
    own.release("v1.2.0", volumes={"data": {"name": "shop-data"}})
    run = await demo(engine, own.path)
    assert (run.code, run.outcome["result"], run.left) == (1, "refused", [])
    assert "the volume data is named shop-data" in run.log
    assert "starting" not in run.log.partition("reading")[2]


async def test_interrupted_demo_leaves_nothing(engine: Engine, own: Own) -> None:
    run = await demo(engine, own.path, interrupt_at="publishing v1.0.0: the first release")
    assert run.code != 0
    assert run.left == []
