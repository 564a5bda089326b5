"""The start of a color whose copies of another release were left running, on the engine's API and Compose."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.errors import StartFailed
from app.domain.stack import made_colors
from tests.examples import a_stack
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import MISSING
from workers.adapters.docker_host.engine import DockerEngine

SHA = "0123456789abcdef" * 2 + "01234567"
API = "api-green"
GRACE = 120


def left_running(name: str) -> dict[str, Any]:
    """A container that an earlier rollout made."""
    labels = {"com.docker.compose.service": API, "updater.rollout": "r-1", "updater.sha": "f" * 40}
    return {
        "Id": name,
        "Name": f"/{name}",
        "Created": "2026-11-27T00:00:00Z",
        "Config": {"Hostname": name, "Labels": labels, "Image": "shop", "StopTimeout": GRACE},
        "State": {"Status": "running"},
        "HostConfig": {"NetworkMode": "shop_default", "RestartPolicy": {"Name": "unless-stopped"}},
        "NetworkSettings": {"Networks": {}},
    }


async def test_copy_that_was_left_running_stops_in_its_own_grace(tmp_path: Path) -> None:
    """Compose would stop it in `times/start`, and be ended if that is shorter."""
    releases, log = tmp_path / "releases", tmp_path / "compose.log"
    definition = releases / SHA / "compose.json"
    definition.parent.mkdir(parents=True)
    services = {API: {"image": "shop", "labels": {"updater.rollout": "r-2"}}}
    definition.write_text(json.dumps({"name": "shop", "services": services}))
    script = tmp_path / "compose.sh"
    script.write_text(f'case "$*" in *"--file {MISSING} "*) exit 14 ;; esac\necho "$*" >>{log}\n')
    old = left_running("old")
    answers: dict[str, tuple[int, object]] = {
        "GET /version": (200, {"ApiVersion": "1.41"}),
        "GET /_ping": (200, {}),
        "GET /containers/json": (200, [{"Id": "old"}]),
        "GET /containers/old/json": (200, old),
        "POST /containers/old/stop": (200, {}),
        "DELETE /containers/old": (200, {}),
    }
    with http_engine(answers) as http, closing(docker.DockerClient(base_url=http.host, version="1.41")) as client:
        engine = DockerEngine(client, Compose(["sh", str(script)], "shop", http.host), a_stack(), releases)
        with pytest.raises(StartFailed):  # this engine starts nothing
            await engine.start(engine.defined(SHA), [API])
        assert [f"t={GRACE}"] == [query for query in http.queries if query.startswith("t=")]
        changes = [asked for asked in http.asked if not asked.startswith("GET")]
    assert [each.rpartition("/v1.41")[2] for each in changes] == ["/containers/old/stop", "/containers/old"]
    assert f" up --detach --no-deps --no-build --renew-anon-volumes {API}" in log.read_text()


@pytest.mark.parametrize("labels", [{}, {"updater.rollout": "r-1", "updater.sha": "f" * 40}])
async def test_service_that_becomes_routed_runs_on_until_the_flip(labels: dict[str, str], tmp_path: Path) -> None:
    """Its own container, which was started by hand or was a follower, is no copy that its color replaces."""
    releases, log = tmp_path / "releases", tmp_path / "compose.log"
    definition = releases / SHA / "compose.json"
    definition.parent.mkdir(parents=True)
    services = {"api-blue": {"image": "shop", "labels": {"updater.rollout": "r-2"}}}
    definition.write_text(json.dumps({"name": "shop", "services": services}))
    script = tmp_path / "compose.sh"
    script.write_text(f'case "$*" in *"--file {MISSING} "*) exit 14 ;; esac\necho "$*" >>{log}\n')
    own = left_running("own")
    own["Config"]["Labels"] = {"com.docker.compose.service": "api", **labels}
    of_compose = ["com.docker.compose.project=shop", "com.docker.compose.oneoff=False", "com.docker.compose.service"]
    listed = {"Id": "own", "Labels": [*of_compose, "com.docker.compose.service=api"]}
    answers: dict[str, tuple[int, object]] = {
        "GET /version": (200, {"ApiVersion": "1.41"}),
        "GET /_ping": (200, {}),
        "GET /containers/json": (200, [listed]),
        "GET /containers/own/json": (200, own),
        "POST /containers/own/stop": (200, {}),
        "DELETE /containers/own": (200, {}),
    }
    routed = replace(a_stack().routed[1], colors=made_colors("api"), made_from="api")
    with http_engine(answers) as http, closing(docker.DockerClient(base_url=http.host, version="1.41")) as client:
        stack = replace(a_stack(), routed=(routed,))
        engine = DockerEngine(client, Compose(["sh", str(script)], "shop", http.host), stack, releases)
        with pytest.raises(StartFailed):  # this engine starts nothing
            await engine.start(engine.defined(SHA), ["api-blue"])
        assert [asked for asked in http.asked if not asked.startswith("GET")] == []
    assert " up --detach " in log.read_text()
