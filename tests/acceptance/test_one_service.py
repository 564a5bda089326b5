"""A stack whose Compose file has each service once: the updater makes both colors of the routed ones."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.client_access import ClientAccess
from deploy.demo.engine import Engine
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.load import Load, Report
from tests.acceptance.conftest import SHORT
from workers.adapters.docker_host.compose.client import find_compose

pytestmark = pytest.mark.engine

FILE = "docker-compose.yml"
RPS, SLOW_SECONDS, LIMIT, COMPOSE_SECONDS = 30.0, 1.0, 60.0, 120
NEITHER = {"blue": None, "green": None}
ONE_SERVICE = {name: ClientAccess({**NEITHER, "service": name}, name) for name in ("skills", "api")}
PROXY = {
    "image": "${DEMO_BASE_IMAGE}",
    "command": ["sleep", "infinity"],
    "init": True,
    "depends_on": {"skills": {"condition": "service_started"}},
}
"""An operator's own service, which no rollout moves."""


def each_once(directory: Path) -> None:
    """Gives the sample stack in `directory` one service for each pair of colors, as people write it."""
    model = yaml.safe_load((directory / FILE).read_text())
    services: dict[str, Any] = model["services"]
    for name in ONE_SERVICE:
        services[name] = services.pop(f"{name}-blue")
        del services[f"{name}-green"]
        services[name]["container_name"] = f"${{COMPOSE_PROJECT_NAME}}-{name}"
    services["skills"]["ports"] = ["127.0.0.1::8080"]
    services["proxy"] = PROXY
    (directory / FILE).write_text(yaml.safe_dump(model, sort_keys=False))


@pytest.fixture
def single(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[Environment]:
    """An environment with no live release, whose stack file names one service for both colors."""
    base, traefik = images
    shared: Any = {"base": base, "traefik": traefik, "times": SHORT, "access": ONE_SERVICE}
    with environment(tmp_path / "one", engine, **shared, prepare=lambda home: each_once(home.live)) as home:
        yield home


def compose(home: Environment, *words: str) -> str:
    """What an operator's `docker compose` prints in the live directory, with the published definition."""
    published = home.directory / "data" / "releases" / "current" / "compose.json"
    names = {"DOCKER_HOST": home.engine.host, "COMPOSE_PROJECT_NAME": home.project, "COMPOSE_FILE": str(published)}
    command = [*find_compose(), *words]
    done = subprocess.run(
        command,
        cwd=home.live,
        env={**os.environ, **names},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMPOSE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def running(home: Environment) -> dict[str, set[str]]:
    """The running containers of each service, by id."""
    found: dict[str, set[str]] = {}
    for container in home.containers(running_only=True):
        found.setdefault(container["Config"]["Labels"]["com.docker.compose.service"], set()).add(container["Id"])
    return found


def up_by_hand(home: Environment) -> dict[str, set[str]]:
    """What runs after a plain `docker compose up --detach`, which Compose accepts and which changes nothing."""
    before, route = running(home), home.route_file.read_bytes()
    compose(home, "config", "--quiet")
    compose(home, "ps")
    compose(home, "up", "--detach")
    after = running(home)
    assert {name: ids for name, ids in after.items() if name in before} == before
    assert home.route_file.read_bytes() == route
    return after


def no_failure(home: Environment, report: Report) -> None:
    assert report.failed == 0, f"{report.failures}\n{logs_of(home)}"
    print(f"{report.requests} requests, {report.failed} failed")


async def roll_back(home: Environment) -> None:
    answer = await home.post("/update/rollback")
    assert answer.is_success, answer.text
    assert (await home.ended(answer.json()["rollout_id"], LIMIT))["status"] == "success", logs_of(home)


async def test_colors_of_one_service_move_every_client(single: Environment) -> None:
    """Two releases and a rollback under load; after each, a plain `docker compose up` changes nothing."""
    home = single
    first = await home.go_live("v1.0.0", edit=each_once)
    assert first["status"] == "success", logs_of(home)
    left_out = [warning for warning in first["warnings"] if "made from skills without its" in warning]
    assert [f"container_name {home.project}-skills, published ports" in warning for warning in left_out] == [True]
    others = {"proxy", "traefik", "gateway", "bot"}
    assert set(up_by_hand(home)) == {"skills-blue", "api-blue", *others}, "the first one starts the operator's own"
    async with Load(home.targets.values(), RPS, slow_seconds=SLOW_SECONDS) as load:
        up_by_hand(home)
        assert (await home.go_live("v1.1.0", edit=each_once))["status"] == "success", logs_of(home)
        assert set(up_by_hand(home)) == {"skills-green", "api-green", *others}
        await roll_back(home)
        assert set(up_by_hand(home)) == {"skills-blue", "api-blue", *others}
    no_failure(home, load.report)
    assert set(load.report.versions) == {"v1.0.0", "v1.1.0"}
