"""Whether Traefik would reach the services of a release, by what the engine says of Traefik's container."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.errors import ReleaseNotKept
from tests.unit.workers.adapters.docker_host.test_survey import ROUTE, WEB_STACK, answers_of, traefik
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.own_services import container as own_container
from workers.adapters.docker_host.stored.definitions import ReleaseFiles

SHA = "5ha"
MODEL = {
    "name": "shop",
    "services": {"web-blue": {"networks": {"back": None}}, "web-green": {"networks": {"back": None, "front": None}}},
    "networks": {"back": {"name": "shop_back"}, "front": {"name": "shop_front"}},
}


@contextmanager
def engine(directory: Path, *containers: dict[str, Any]) -> Iterator[DockerEngine]:
    with http_engine(answers_of(*containers)) as host:
        client = docker.DockerClient(base_url=host.host, version="1.41")
        try:
            yield DockerEngine(client, Compose(["false"], "shop", host.host), WEB_STACK, directory, route=ROUTE)
        finally:
            client.close()


@pytest.fixture(autouse=True)
def on_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process runs in no container."""
    monkeypatch.setattr(own_container, "MOUNTS", tmp_path / "mountinfo")


async def test_only_a_service_without_a_network_of_traefik_is_unreached(tmp_path: Path) -> None:
    ReleaseFiles(tmp_path).write(SHA, MODEL)
    with engine(tmp_path, traefik(shop_front="10.0.2.3")) as found:
        assert set(await found.unreached(found.defined(SHA))) == {"web-blue"}
    with engine(tmp_path, traefik(shop_back="10.0.2.3")) as found:
        assert await found.unreached(found.defined(SHA)) == {}


async def test_without_a_running_traefik_nothing_is_unreached(tmp_path: Path) -> None:
    ReleaseFiles(tmp_path).write(SHA, MODEL)
    stopped = traefik(ops="10.0.3.3") | {"State": {"Status": "exited"}}
    for containers in ((), (stopped,), (traefik("/elsewhere", ops="10.0.3.3"),), (traefik(),)):
        with engine(tmp_path, *containers) as found:
            assert await found.unreached(found.defined(SHA)) == {}


async def test_release_that_is_not_kept_has_no_answer(tmp_path: Path) -> None:
    with engine(tmp_path) as found, pytest.raises(ReleaseNotKept):
        await found.unreached(found.defined(SHA))
