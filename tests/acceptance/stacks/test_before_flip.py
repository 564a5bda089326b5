"""Migrations on real parts: a good one, one that fails, and a release that cannot be rolled back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.load import Load
from deploy.demo.repository import Variant
from tests.acceptance.conftest import SHORT

pytestmark = pytest.mark.engine

COMMANDS = [{"service": "skills", "command": ["python3", "migrate.py"], "limit": 180}]
STEP = "before_flip_1_skills"
GOOD = "print('two tables were migrated')\n"
BAD = "print('no such column: price')\nraise SystemExit(2)\n"


@pytest.fixture
def home(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[Environment]:
    """An environment whose stack runs migrate.py before each flip, with no live release."""
    base, traefik = images

    def prepare(home: Environment) -> None:
        file = home.directory / "stack.yml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "before_flip": COMMANDS}))

    with environment(tmp_path / "env", engine, base=base, traefik=traefik, times=SHORT, prepare=prepare) as built:
        yield built
        print(logs_of(built))


def migration(script: str, *, one_way: bool = False) -> Callable[[Path], None]:
    def edit(tree: Path) -> None:
        (tree / "skills" / "migrate.py").write_text(script)
        dockerfile = tree / "skills" / "Dockerfile"
        dockerfile.write_text(dockerfile.read_text() + "COPY skills/migrate.py ./\n")
        file = tree / "docker-compose.yml"
        label = "  bot:\n    labels: {updater.rollback: never}\n" if one_way else "  bot:\n"
        file.write_text(file.read_text().replace("  bot:\n", label))

    return edit


def log_of(home: Environment, rollout_id: str) -> str:
    return (home.directory / "data" / "logs" / f"{rollout_id}.log").read_text()


def left_over(home: Environment) -> list[str]:
    return [c["Names"] for c in home.containers() if "updater.once" in c["Config"]["Labels"]]


async def test_migration_failure_stops_before_the_flip(home: Environment) -> None:
    first = await home.go_live("v1.0.0", edit=migration(GOOD))
    assert (first["status"], first["steps_completed"].count(STEP)) == ("success", 1)
    assert "two tables were migrated" in log_of(home, first["rollout_id"])
    live = {c["Id"]: c["State"]["StartedAt"] for c in home.containers(running_only=True)}
    second = await home.go_live("v1.1.0", edit=migration(BAD))
    assert (second["status"], second["reason_code"]) == ("failed", "before_flip_failed")
    assert "no such column: price" in second["error"]
    assert "no such column: price" in log_of(home, second["rollout_id"])
    assert {c["Id"]: c["State"]["StartedAt"] for c in home.containers(running_only=True)} == live
    assert home.containers("skills-green", "api-green") == []
    assert left_over(home) == []
    assert "Traffic stayed on v1.0.0" in (await home.get("/status"))["pause_reason"]


async def test_bot_failure_keeps_one_way_release_live(home: Environment) -> None:
    await home.go_live("v1.0.0", edit=migration(GOOD))
    home.release("v1.1.0", Variant.BOT_FAILS, edit=migration(GOOD, one_way=True))
    plan = await home.get("/update/plan?tag=v1.1.0")
    assert (plan["rollback"], plan["before_flip"][0]["runs"]) == ("never", True)
    async with Load(list(home.routes.values()), rps=20, slow_seconds=1) as load:
        result = await home.ended((await home.announce("v1.1.0"))["rollout_id"], 300)
        report = await load.stop()
    assert (report.failed, report.failures) == (0, [])
    assert report.requests > 100
    assert (result["status"], result["active_color"], result["paused"]) == ("failed", "green", True)
    assert result["reason_code"] == "singleton_never_ready"
    status = await home.get("/status")
    assert status["current"]["tag"] == "v1.1.0"
    assert "traffic stays on it (green)" in status["pause_reason"]
    refused = await home.post("/update/rollback")
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_roll_back")
    forced = await home.post("/update/rollback", {"force": True})
    back = await home.ended(forced.json()["rollout_id"], 300)
    assert (back["status"], back["tag"]) == ("success", "v1.0.0")
