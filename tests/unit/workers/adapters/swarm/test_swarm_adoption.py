"""The adoption of a stack that `docker stack deploy` started, on the engine's API and Compose."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.errors import StartFailed
from app.domain.stack import Color, EngineKind
from tests.examples import a_stack, sha_of
from tests.unit.workers.adapters.swarm.attributes import IMAGE, NODES, Attributes, a_service, a_task
from tests.unit.workers.engine_http import HttpEngine, http_engine
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.commands import MISSING
from workers.adapters.swarm.adoption import TASK_OF_LABEL
from workers.adapters.swarm.engine import SwarmEngine
from workers.ports import Outsider, Stamp

SHA = sha_of("v1.0.0")
STAMP = Stamp("v1.0.0", SHA, "r-0")
API = "api-blue"
STACK = a_stack(engine=EngineKind.SWARM, registry="registry.example.org/team")
MODEL = {
    "name": "shop",
    "services": {name: {"image": f"registry/{name}"} for name in STACK.moved_services()},
}


def deployed(replicas: int = 1) -> Attributes:
    """`shop_api-blue`, as `docker stack deploy` makes it, with a published port."""
    service = a_service(replicas=replicas, starts=0)
    service["Spec"] |= {"Name": f"shop_{API}", "Labels": {"com.docker.stack.namespace": "shop"}}
    service["Spec"]["EndpointSpec"] = {"Mode": "vip", "Ports": [{"TargetPort": 80, "PublishedPort": 80}]}
    service["Spec"]["TaskTemplate"]["ContainerSpec"].pop("Hostname")
    return service


def answering(service: Attributes, **more: Any) -> dict[str, tuple[int, object]]:
    return {
        "GET /version": (200, {"ApiVersion": "1.41"}),
        "GET /_ping": (200, {}),
        "GET /services": (200, [service]),
        "GET /services/s1": (200, service),
        f"GET /services/shop_{API}": (200, service),
        "GET /tasks": (200, [{**a_task(start=0), "NetworksAttachments": []}]),
        "GET /nodes": (200, [*NODES.values()]),
        "POST /services/s1/update": (200, {}),
        "GET /containers/json": (200, []),
        **more,
    }


@asynccontextmanager
async def swarm(
    directory: Path, answers: dict[str, tuple[int, object]]
) -> AsyncIterator[tuple[SwarmEngine, HttpEngine]]:
    """Compose resolves the live directory's files to MODEL."""
    script = directory / "compose.sh"
    (directory / "model.json").write_text(json.dumps(MODEL))
    script.write_text(
        f'case "$*" in *"--file {MISSING} "*) exit 14 ;; *" config "*) cat {directory}/model.json ;; esac\n'
    )
    with http_engine(answers) as http, closing(docker.DockerClient(base_url=http.host, version="1.41")) as client:
        compose = Compose(["sh", str(script)], "shop", http.host)
        yield SwarmEngine(client, compose, STACK, directory / "releases"), http


async def test_deployed_service_is_adopted_and_starts_again(tmp_path: Path) -> None:
    async with swarm(tmp_path, answering(deployed())) as (engine, http):
        (api,) = await engine.find(API)
        assert (api.adopted, api.running, api.host) == (False, True, f"shop_{API}")
        assert await engine.adopt(STAMP, Color.BLUE, [api]) == []
        (api,) = await engine.find(API)
        assert (api.adopted, api.sha, api.rollout) == (True, SHA, "r-0")
        assert not [asked for asked in http.asked if not asked.startswith("GET")], "an adoption changes nothing"
        kept = json.loads(engine.defined(SHA).path.read_text())["services"]
        assert (kept[API]["image"], "pull_policy" in kept[API]) == (IMAGE, False)
        assert await engine.copies(engine.defined(SHA), API) == 1
        await engine.remove(api.id)
        assert not [asked for asked in http.asked if asked.startswith("DELETE")], "it is the next rollback"


async def test_adopted_service_is_lost_when_it_was_removed(tmp_path: Path) -> None:
    answers = answering(deployed())
    async with swarm(tmp_path, answers) as (engine, _):
        await engine.adopt(STAMP, Color.BLUE, await engine.find(API))
        for path in ("GET /services/s1", f"GET /services/shop_{API}"):
            del answers[path]
        answers["GET /services"] = (200, [])
        lost = await engine.missing(SHA, [API])
    assert f"the container of {API} (its Swarm service was removed)" in lost


async def test_rollout_never_starts_a_service_that_it_did_not_make(tmp_path: Path) -> None:
    """One of the color's name would run whatever release it has."""
    other = {**deployed(replicas=0), "Endpoint": {}}
    other["Spec"]["Labels"] = {}
    async with swarm(tmp_path, answering(other) | {"GET /tasks": (200, [])}) as (engine, http):
        definition = engine.defined(SHA)
        definition.path.parent.mkdir(parents=True)
        labels = {"updater.rollout": "r-1", "updater.sha": SHA}
        model = {"name": "shop", "services": {API: {"image": IMAGE, "labels": labels}}}
        definition.path.write_text(json.dumps(model))
        with pytest.raises(StartFailed, match=f"another service shop_{API}, which this rollout did not make"):
            await engine.start(definition, [API])
        assert not [asked for asked in http.asked if asked.startswith("POST")]


async def test_only_what_is_no_task_of_the_stack_is_outside(tmp_path: Path) -> None:
    task = {"Id": "c1", "Names": ["/task"], "Image": "registry/bot", "Labels": {TASK_OF_LABEL: "s1"}}
    left = {"Id": "c2", "Names": ["/left"], "Image": "registry/bot", "Labels": {TASK_OF_LABEL: "other"}}
    listed = {"GET /containers/json": (200, [{**each, "State": "running"} for each in (task, left)])}
    # the answers' filter by labels is of the form of `GET /containers/json?filters`, which is not asked for here
    async with swarm(tmp_path, answering(deployed()) | listed) as (engine, _):
        assert await engine.outside("bot") == [Outsider("left", None)]
