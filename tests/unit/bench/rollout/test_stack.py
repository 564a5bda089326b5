import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.config.stack_file import parse_stack
from deploy.bench.rollout.stack import (
    BY_HAND_FILE,
    COMPOSE_FILE,
    FILE,
    PORT_VARIABLE,
    SOCKET_VARIABLE,
    names,
    routed,
    routes,
    write,
)
from deploy.demo.repository import DemoRepository
from tests.unit.app.config.test_stack_file import content
from workers.adapters.docker_host.compose.program import find_compose

PORTS = ("SKILLS", "API", "WEB", "METRICS", "GATEWAY")
VALUES = {
    **{f"DEMO_{name}_PORT": str(20_000 + number) for number, name in enumerate(PORTS)},
    **{"DEMO_BASE_IMAGE": "base", "DEMO_TRAEFIK_IMAGE": "traefik", "DEMO_ROUTES_DIR": "/routes"},
    **{SOCKET_VARIABLE: "/run/docker.sock", PORT_VARIABLE: "20100"},
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    repository = DemoRepository(tmp_path / "repository")
    repository.release("v1.0.0", edit=write(4))
    return repository.path


def resolved(file: Path) -> dict[str, Any]:
    """Compose's own reading of the file; it fails on what Compose would refuse."""
    command = [*find_compose(), "--file", str(file), "--project-name", "bench", "config"]
    done = subprocess.run(command, env={**os.environ, **VALUES}, capture_output=True, text=True, check=True, timeout=60)
    model: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return model


def test_release_has_each_service_once(release: Path) -> None:
    services = resolved(release / FILE)
    assert services.keys() == {"traefik", "gateway", *names(4)}
    assert (release / "api" / "VERSION").read_text() == "v1.0.0\n"


def test_by_hand_each_service_has_two_colors(release: Path) -> None:
    services = resolved(release / BY_HAND_FILE)
    assert services.keys() == {f"hand0{n}-{color}" for n in range(1, 5) for color in ("blue", "green")}


def test_all_contenders_build_the_same(release: Path) -> None:
    built = [resolved(release / file) for file in (FILE, BY_HAND_FILE, COMPOSE_FILE)]
    builds = [services[name]["build"] for services in built for name in services if name not in BESIDE]
    assert len(builds) == 4 + 8 + 2
    assert all(build == builds[0] for build in builds)


BESIDE = {"traefik", "gateway", "edge"}


def test_only_healthy_copies_get_requests_without_an_updater(release: Path) -> None:
    services = resolved(release / COMPOSE_FILE)
    assert services["plain"]["healthcheck"] == services["scaled"]["healthcheck"]
    assert services["scaled"]["labels"]["traefik.http.routers.scaled.rule"] == "Host(`scaled.bench.example`)"
    assert "--providers.docker.constraints=Label(`com.docker.compose.project`, `bench`)" in services["edge"]["command"]


def test_stack_file_has_all_services() -> None:
    stack = parse_stack(content(routed=routed(names(12)), traefik={"entrypoints": {"api": "http://127.0.0.1:1"}}))
    assert [service.name for service in stack.routed] == [f"app{n:02}" for n in range(1, 13)]


def test_route_by_hand_leads_to_one_color() -> None:
    http = routes(("hand01",), "green")["http"]
    assert http["routers"]["hand01"]["service"] == "hand01"
    assert http["services"]["hand01"]["loadBalancer"]["servers"] == [{"url": "http://hand01-green:8443"}]
