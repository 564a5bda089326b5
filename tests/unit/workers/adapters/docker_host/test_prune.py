import json
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from app.domain.errors import EngineFailed
from app.domain.stack import BeforeFlip, Follower, Keep, Singleton
from tests.examples import a_stack, sha_of
from tests.unit.workers.engine_http import HttpEngine, http_engine
from workers.adapters.docker_host.client import SERVICE_LABEL, Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.docker_host.engine import DockerEngine
from workers.adapters.docker_host.prune import GB, prune_build_cache, prune_images, prune_left
from workers.definition.labels import SHA_LABEL, image_name
from workers.definition.services.roles import COLOR_LABEL, NAME_LABEL, ROLLOUT_LABEL
from workers.ports import Instance

OLD = image_name("shop", "bot", sha_of("v1.0.0"))
SIZE = 1000
IMAGE = {"Id": "sha256:1", "RepoTags": [OLD], "Size": SIZE}


async def freed(status: int) -> tuple[int, HttpEngine]:
    """The bytes that an engine freed, which answers the removal of OLD with `status`; and the engine."""
    answers = {
        "GET /images/json": (200, [IMAGE]),
        "GET /images/sha256:1/json": (200, IMAGE),
        f"DELETE /images/{OLD}": (status, [{"Untagged": OLD}] if status == 200 else {"message": f"HTTP {status}"}),
    }
    with http_engine(answers) as engine:
        client = docker.DockerClient(base_url=engine.host, version="1.41")
        try:
            return await prune_images(Docker(client, engine.host), a_stack(), keep=(), named=()), engine
        finally:
            client.close()


@pytest.mark.parametrize(("status", "bytes_freed"), [(200, SIZE), (409, 0), (404, 0)])
async def test_image_that_is_needed_or_gone_frees_nothing(status: int, bytes_freed: int) -> None:
    found, engine = await freed(status)
    assert found == bytes_freed
    assert [asked for asked in engine.asked if asked.startswith("DELETE")] == [f"DELETE /v1.41/images/{OLD}"]


@pytest.mark.parametrize("status", [403, 500])
async def test_other_refusal_is_reported(status: int) -> None:
    with pytest.raises(EngineFailed, match=f"HTTP {status}"):
        await freed(status)


@pytest.mark.parametrize(("limit", "freed_bytes", "keeps"), [(2, SIZE, f"keep-storage={2 * GB}"), (None, 0, None)])
async def test_build_cache_is_trimmed_unless_turned_off(
    limit: float | None, freed_bytes: int, keeps: str | None
) -> None:
    with http_engine({"POST /build/prune": (200, {"SpaceReclaimed": SIZE})}) as engine:
        client = docker.DockerClient(base_url=engine.host, version="1.41")
        try:
            stack = a_stack(keep=Keep(build_cache_gb=limit))
            assert await prune_build_cache(Docker(client, engine.host), stack) == freed_bytes
        finally:
            client.close()
    assert engine.queries == ([] if keeps is None else [keeps])


async def test_stopped_container_of_a_removed_service_is_pruned() -> None:
    """Not one that runs, one of a kept release, nor one that the updater did not make."""
    kept, old = sha_of("v1.1.0"), sha_of("v1.0.0")
    found = [
        Instance("running", "mail-blue", "running", sha=old),
        Instance("kept", "mail-blue", "exited", sha=kept),
        Instance("by-hand", "mail-blue", "exited"),
        Instance("old", "mail-blue", "exited", sha=old),
    ]

    async def find(service: str) -> list[Instance]:
        return found if service == "mail-blue" else []

    discarded: list[tuple[str, bool]] = []

    async def discard(instance: Instance, volumes: bool) -> None:
        discarded.append((instance.id, volumes))

    await prune_left({"mail-blue", "mail-green"}, [kept], find, discard)
    assert discarded == [("old", False)]


LATER: dict[str, dict[str, Any]] = {
    "a job": {"before_flip": (BeforeFlip("mail"),)},
    "not moved": {},
    "a follower": {"followers": (Follower("post", "mail"),)},
    "a singleton": {"singletons": (Singleton("post", "mail"),)},
}


@pytest.mark.parametrize("color", [None, "blue"], ids=["uncolored", "routed"])
@pytest.mark.parametrize("now", LATER)
async def test_stopped_container_is_pruned_whatever_its_service_is_now(
    tmp_path: Path, now: str, color: str | None
) -> None:
    """It was a follower, a singleton or a color of an old release."""
    kept, old = sha_of("v1.1.0"), sha_of("v1.0.0")
    labels = {ROLLOUT_LABEL: "r-1", SHA_LABEL: old, NAME_LABEL: "post", SERVICE_LABEL: "mail"}
    labels |= {COLOR_LABEL: color} if color else {}
    for sha in (kept, old):
        (tmp_path / "releases" / sha).mkdir(parents=True)
        services = {"mail": {"image": "mail", "labels": labels}} if sha == old else {}
        (tmp_path / "releases" / sha / "compose.json").write_text(json.dumps({"name": "shop", "services": services}))
    container = {
        "Id": "old",
        "Name": "/old",
        "Created": "2026-11-27T00:00:00Z",
        "Config": {"Hostname": "old", "Labels": labels, "Image": "mail"},
        "State": {"Status": "exited"},
        "HostConfig": {"NetworkMode": "shop_default"},
        "NetworkSettings": {"Networks": {}},
    }
    answers: dict[str, tuple[int, object]] = {
        "GET /containers/json": (200, [{"Id": "old"}]),
        "GET /containers/old/json": (200, container),
        "DELETE /containers/old": (200, {}),
        "GET /images/json": (200, []),
        "POST /build/prune": (200, {}),
    }
    stack = a_stack(**{"singletons": (), **LATER[now]})
    with http_engine(answers) as http, closing(docker.DockerClient(base_url=http.host, version="1.41")) as client:
        engine = DockerEngine(client, Compose(["false"], "shop", http.host), stack, tmp_path / "releases")
        await engine.prune([kept])
        changes = [asked for asked in http.asked if asked.startswith("DELETE")]
    assert changes == ["DELETE /v1.41/containers/old"]
    renewed = color is not None and now in {"a job", "not moved"}
    assert ("v=True" in " ".join(http.queries)) is renewed, "a color's volumes without a name, which nothing inherits"
