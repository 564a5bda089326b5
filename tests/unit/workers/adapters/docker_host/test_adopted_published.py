"""A rollback to the adopted release: a plain `docker compose up` finds its containers as they are. Compose hashes."""

import asyncio
import json
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.stack import Color, Follower, Stack
from tests.examples import a_stack, sha_of
from tests.unit.workers.engine_http import http_engine
from workers.adapters.docker_host.adoption.model import adopted_model, as_counted
from workers.adapters.docker_host.adoption.record import Adopted, AdoptedFile
from workers.adapters.docker_host.client import ONEOFF_LABEL, PROJECT_LABEL, SERVICE_LABEL
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.compose.program import find_compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.stored.definitions import CURRENT, ReleaseFiles
from workers.definition.labels import image_name
from workers.definition.transform import restamp
from workers.ports import Instance, Stamp

SHA = sha_of("v1.0.0")
ADOPTED, ROLLED_BACK = Stamp("v1.0.0", SHA, "adopted-1"), Stamp("v1.0.0", SHA, "r-2")
WRITTEN_OUT = a_stack(followers=(Follower("queue", "worker"),))
MADE_FROM_ONE = replace(WRITTEN_OUT, routed=(replace(WRITTEN_OUT.routed[1], made_from="api"),))
STACKS = {"written-out": WRITTEN_OUT, "made-from-one": MADE_FROM_ONE}
COPIES = 2
"""How many containers of the follower run."""


def found(stack: Stack) -> dict[str, Any]:
    """The live directory's model."""
    services: dict[str, Any] = {name: _service(name) for name in stack.written_services()}
    services["worker"] = {"build": {"context": "/srv/shop/worker"}, "restart": "always"}
    return {"name": "shop", "services": services}


def _service(name: str) -> dict[str, Any]:
    return {"image": f"octo/{name}:1", "restart": "always", "container_name": f"shop-{name}"}


def containers(stack: Stack) -> dict[str, str]:
    """The containers that were adopted, each with the service that it is one of."""
    colors = [service.made_from or service.colors[Color.BLUE] for service in stack.routed]
    copies = [("worker", number) for number in range(COPIES)]
    return {f"{name}-{number}": name for name, number in (*((n, 0) for n in (*colors, "bot")), *copies)}


def counts_as(name: str, stack: Stack) -> str:
    return stack.singles().get(name, name)


def as_listed(id_: str, service: str) -> dict[str, Any]:
    labels = [f"{SERVICE_LABEL}={service}", f"{PROJECT_LABEL}=shop", f"{ONEOFF_LABEL}=False", SERVICE_LABEL]
    return {"Id": id_, "Labels": labels}


def inspected(id_: str, service: str) -> dict[str, Any]:
    return {
        "Id": id_,
        "Name": f"/{id_}",
        "Image": f"sha256:{service}",
        "Created": "2026-11-27T00:00:00Z",
        "Config": {"Hostname": id_, "Labels": {SERVICE_LABEL: service}, "Image": service},
        "State": {"Status": "running"},
        "HostConfig": {"NetworkMode": "shop_default"},
        "NetworkSettings": {"Networks": {}},
    }


def adopted(stack: Stack, releases: Path) -> None:
    """What is kept of the adopted release after it was recalled for a rollback."""
    ran = [Instance(id_, counts_as(name, stack), "running") for id_, name in containers(stack).items()]
    names = {instance.service: image_name("shop", instance.service, SHA) for instance in ran}
    model = as_counted(found(stack), stack, Color.BLUE, ran)
    kept = restamp(adopted_model(model, stack, ADOPTED, names), stack, ROLLED_BACK)
    ReleaseFiles(releases).write(SHA, json.loads(json.dumps(kept)))
    AdoptedFile(releases).put(Adopted(ROLLED_BACK, {instance.id: instance.service for instance in ran}))


async def published(stack: Stack, releases: Path, images: dict[str, str]) -> dict[str, Any]:
    """What a plain `docker compose` reads after the rollback. `images`: the id of each by name."""
    listed = containers(stack)
    answers: dict[str, tuple[int, object]] = {
        "GET /containers/json": (200, [as_listed(*each) for each in listed.items()]),
        "GET /networks": (200, []),
    }
    answers |= {f"GET /containers/{id_}/json": (200, inspected(id_, name)) for id_, name in listed.items()}
    answers |= {f"GET /images/{name}/json": (200, {"Id": id_}) for name, id_ in images.items()}
    with http_engine(answers) as http, closing(docker.DockerClient(base_url=http.host, version="1.41")) as client:
        engine = DockerEngine(client, Compose(find_compose(), "shop", http.host), stack, releases)
        await engine.publish(engine.defined(SHA), Color.BLUE)
    return dict(json.loads(ReleaseFiles(releases).path(CURRENT).read_text()))


async def hashes(model: dict[str, Any], file: Path) -> dict[str, str]:
    """By which Compose decides whether a container is as the file says."""
    await asyncio.to_thread(file.write_text, json.dumps(model))
    command = [*find_compose(), "--file", str(file), "--profile", "*", "config", "--hash", "*"]
    said = await asyncio.to_thread(subprocess.check_output, command, text=True, timeout=300)
    return {name: value for name, _, value in (line.partition(" ") for line in said.splitlines())}


def todays_images(stack: Stack) -> dict[str, str]:
    model = found(stack)["services"]
    return {model[name].get("image", f"shop-{name}"): f"sha256:{name}" for name in {*containers(stack).values()}}


@pytest.mark.parametrize("shape", STACKS)
async def test_containers_of_the_adopted_release_stay_as_they_are(shape: str, tmp_path: Path) -> None:
    stack, releases = STACKS[shape], tmp_path / "releases"
    adopted(stack, releases)
    live = await published(stack, releases, todays_images(stack))
    before, now = await hashes(found(stack), tmp_path / "live.json"), await hashes(live, tmp_path / "now.json")
    services = {*containers(stack).values()}
    assert {name: now.get(name) for name in services} == {name: before[name] for name in services}
    assert live["services"]["worker"]["scale"] == COPIES
    assert [name for name in services if live["services"][name].get("profiles")] == []


async def test_image_that_was_replaced_since_is_not_published(tmp_path: Path) -> None:
    """Compose would create the containers again in any case: then from the release's own image."""
    adopted(WRITTEN_OUT, tmp_path / "releases")
    images = todays_images(WRITTEN_OUT) | {"octo/bot:1": "sha256:later"}
    services = (await published(WRITTEN_OUT, tmp_path / "releases", images))["services"]
    assert services["bot"]["image"] == image_name("shop", "bot", SHA)
    assert services["api-blue"]["image"] == "octo/api-blue:1"
