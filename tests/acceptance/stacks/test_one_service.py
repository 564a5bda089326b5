"""A stack whose Compose file has each service once: the updater makes both colors of the routed ones."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.client_access import ClientAccess
from deploy.demo.clients import plain_client
from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, compose_up, environment, logs_of
from deploy.demo.http1 import Target
from deploy.demo.load import Load, Report
from tests.acceptance.conftest import SHORT
from tests.acceptance.takeover.traffic import Traffic
from tests.integration.waiting import once_up, until
from workers.adapters.docker_host.compose.program import find_compose

pytestmark = pytest.mark.engine

FILE = "docker-compose.yml"
RPS, SLOW_SECONDS, LIMIT, COMPOSE_SECONDS = 30.0, 1.0, 300.0, 300
NEITHER = {"blue": None, "green": None}
ONE_SERVICE = {name: ClientAccess({**NEITHER, "service": name}, name) for name in ("skills", "api")}
PROXY = {
    "image": "${DEMO_BASE_IMAGE}",
    "command": ["sleep", "infinity"],
    "init": True,
    "depends_on": {"skills": {"condition": "service_started"}},
}
"""An operator's own service, which no rollout moves."""


PORTS = {"skills": 8080, "api": 8443}
PRIORITY = 100


HOST = "one.example"
"""What the clients of a running stack ask for. Every Traefik of this engine that reads labels reads these too."""


def labels_of(name: str) -> dict[str, str]:
    """The labels with which Traefik's Docker provider leads clients to the service."""
    return {
        "traefik.enable": "true",
        f"traefik.http.routers.{name}.rule": f"Host(`{HOST}`)",
        f"traefik.http.routers.{name}.entrypoints": name,
        f"traefik.http.services.{name}.loadbalancer.server.port": str(PORTS[name]),
    }


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


def each_once_with_labels(directory: Path) -> None:
    """The same, with labels that Traefik's Docker provider reads."""
    each_once(directory)
    model = yaml.safe_load((directory / FILE).read_text())
    for name in ONE_SERVICE:
        model["services"][name]["labels"] = labels_of(name)
    options = ["--providers.docker.endpoint=unix:///docker.sock", "--providers.docker.exposedByDefault=false"]
    model["services"]["traefik"]["command"] += options
    model["services"]["traefik"]["volumes"].append("${DEMO_SOCKET}:/docker.sock")
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


def in_files(home: Environment) -> None:
    """Traefik's routers are in a dynamic file, and lead to the services by their names."""
    routers = {n: {"entryPoints": [n], "rule": "PathPrefix(`/`)", "service": n} for n in PORTS}
    services = {n: {"loadBalancer": {"servers": [{"url": f"http://{n}:{port}"}]}} for n, port in PORTS.items()}
    (home.dynamic / "old.yml").write_text(yaml.safe_dump({"http": {"routers": routers, "services": services}}))


def in_labels(home: Environment) -> None:
    """Traefik reads the containers' labels, and the updater's routers come before those."""
    with (home.live / ".env").open("a") as env:
        env.write(f"DEMO_SOCKET={home.engine.host.removeprefix('unix://')}\n")
    file = home.directory / "stack.yml"
    stack = yaml.safe_load(file.read_text())
    for service in stack["routed"].values():
        service |= {"rule": f"Host(`{HOST}`)", "priority": PRIORITY}
    file.write_text(yaml.safe_dump(stack, sort_keys=False))


EDITS: dict[Callable[[Environment], None], Callable[[Path], None]] = {
    in_files: each_once,
    in_labels: each_once_with_labels,
}


@pytest.fixture(params=EDITS, ids=["file", "labels"])
def running_already(
    request: pytest.FixtureRequest, engine: Engine, images: tuple[str, str], tmp_path: Path
) -> Iterator[tuple[Environment, Traffic, Callable[[Path], None]]]:
    """An environment in which plain Compose runs v1.0.0, with clients from before the updater starts.

    With them: what each release does with its files.
    """
    base, traefik = images
    shared: Any = {"base": base, "traefik": traefik, "times": SHORT, "access": ONE_SERVICE}
    started: list[Traffic] = []
    with environment(tmp_path / "one", engine, **shared, prepare=_run_by_hand(request.param, started)) as home:
        yield home, started[0], EDITS[request.param]


async def served(home: Environment) -> bool:
    """Whether clients reach each service through Traefik."""
    async with plain_client(timeout=LIMIT) as client:
        answers = [await client.get(f"{url}/version", headers={"Host": HOST}) for url in home.routes.values()]
    return all(answer.is_success for answer in answers)


def _run_by_hand(route: Callable[[Environment], None], started: list[Traffic]) -> Callable[[Environment], None]:
    def prepare(home: Environment) -> None:
        home.release("v1.0.0", edit=EDITS[route])
        shutil.copytree(home.repository.path, home.live, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
        route(home)
        compose_up(home, *PORTS, "bot", "proxy", "traefik")
        # Traefik reads no labels of a container that is `starting`, and no container may listen yet.
        asyncio.run(until(once_up(lambda: served(home)), LIMIT))
        clients = Traffic([Target(url, HOST) for url in home.routes.values()], RPS, SLOW_SECONDS)
        started.append(clients)
        clients.start()

    return prepare


async def test_one_container_that_serves_is_adopted(
    running_already: tuple[Environment, Traffic, Callable[[Path], None]],
) -> None:
    """It serves until the first flip, and again after a rollback; no client fails, and no plain `up` changes it."""
    home, clients, edit = running_already
    old = running(home)

    async def adopted() -> bool:
        return bool((await home.get("/status"))["current"])

    try:
        await until(adopted, LIMIT)
        checks = (await home.get("/doctor"))["checks"]
        assert up_by_hand(home) == old
        assert (await home.go_live("v1.1.0", edit=edit))["status"] == "success", logs_of(home)
        assert not set(PORTS) & set(up_by_hand(home)), "the old containers are stopped"
        await roll_back(home)
        back = up_by_hand(home)
        assert {name: back[name] for name in PORTS} == {name: old[name] for name in PORTS}, "the very same ones"
        (await home.post("/update/unpause")).raise_for_status()
        for tag, color in (("v1.2.0", "green"), ("v1.3.0", "blue")):
            assert (await home.go_live(tag, edit=edit))["status"] == "success", logs_of(home)
            after = up_by_hand(home)
            assert {f"skills-{color}", f"api-{color}"} == {n for n in after if n.startswith(tuple(PORTS))}
    finally:
        report = clients.stop()
    no_failure(home, report)
    assert set(report.versions) == {"v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"}
    assert not [check for check in checks if check["name"].startswith("color_") and check["status"] != "ok"]
