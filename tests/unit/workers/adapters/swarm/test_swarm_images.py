from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any
from urllib.parse import quote

import docker
import pytest

from app.domain.errors import BuildFailed
from app.domain.stack import EngineKind
from tests.examples import a_stack, sha_of
from tests.unit.workers.adapters.swarm.attributes import a_service
from tests.unit.workers.engine_http import Answers, HttpEngine, http_engine
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.compose.client import Compose
from workers.adapters.swarm.images import Registry, SwarmImages, digest_in, registry_name, unpushed

REGISTRY = "registry.example.org/team"


def test_pushed_image_is_named_after_service_and_release() -> None:
    assert registry_name(REGISTRY, "shop", "web-blue", "0123456789abcdef") == f"{REGISTRY}/shop-web-blue:0123456789ab"


def test_image_by_digest_is_in_a_registry_already() -> None:
    model = {"services": {"web": {"image": "shop-web:01"}, "db": {"image": "db:1@sha256:00"}, "x": {"image": "x"}}}
    assert unpushed(model, ["web", "db"]) == {"web": "shop-web:01"}


def test_same_image_of_two_releases_has_one_digest() -> None:
    """A push of the same image under another tag gets the same digest."""
    assert (
        digest_in(f"{REGISTRY}/shop-bot:01@sha256:aa") == digest_in(f"{REGISTRY}/shop-bot:02@sha256:aa") == "sha256:aa"
    )
    assert digest_in("shop-bot:01") == "shop-bot:01"


BLUE_IMAGE = f"{REGISTRY}/shop-api-blue:01@sha256:{'a' * 64}"
STACK = a_stack(engine=EngineKind.SWARM, registry=REGISTRY)
QUOTED = quote(BLUE_IMAGE, safe="/:")
BUILT = {"build": {"context": "."}, "labels": {"updater.sha": sha_of("v1.0.0")}}
KEPT: dict[str, Any] = {
    "services": {
        "api-blue": {"image": BLUE_IMAGE, **BUILT},
        "api-green": {"image": "shop-api-green:01", **BUILT},
        "skills-blue": {"image": "shop-skills-blue:01", **BUILT},
    }
}
"""A release that was built for blue."""


@asynccontextmanager
async def images(answers: Answers) -> AsyncIterator[tuple[SwarmImages, HttpEngine]]:
    usual: Answers = {
        "GET /version": (200, {"ApiVersion": "1.41"}),
        "GET /services": (200, []),
        "GET /containers/json": (200, []),
    }
    with http_engine({**usual, **answers}) as http, closing(docker.DockerClient(base_url=http.host)) as client:
        yield SwarmImages(Docker(client, http.host), Compose(["true"], "shop", http.host), STACK), http


HERE: Answers = {f"GET /images/{QUOTED}/json": (200, {"Id": "sha256:1"})}
KEPT_IN_THE_SWARM: Answers = {
    "GET /services": (200, [{**a_service(), "Spec": {"TaskTemplate": {"ContainerSpec": {"Image": BLUE_IMAGE}}}}])
}
IN_THE_REGISTRY: Answers = {f"GET /distribution/{QUOTED}/json": (200, {})}


@pytest.mark.parametrize(
    ("answers", "asks_registry"),
    [(HERE, False), (KEPT_IN_THE_SWARM, False), (IN_THE_REGISTRY, True)],
    ids=["node", "service", "registry"],
)
async def test_release_is_kept_if_a_node_or_the_registry_has_its_images(answers: Answers, asks_registry: bool) -> None:
    """Another manager may have built it. A rollback needs no registry where the nodes have the image."""
    async with images(answers) as (swarm, http):
        assert await swarm.missing(KEPT, ["api-blue"]) == []
        restored = await swarm.restored(KEPT, ["api-blue"])
    assert restored == KEPT
    assert any("/distribution/" in asked for asked in http.asked) is asks_registry
    assert not [asked for asked in http.asked if asked.startswith("POST")], "no tag: other nodes would not have it"


async def test_release_is_lost_with_its_images() -> None:
    async with images({}) as (swarm, _):
        assert await swarm.missing(KEPT, ["api-blue", "skills-blue"]) == [BLUE_IMAGE, "shop-skills-blue:01"]


async def test_image_of_this_node_runs_by_the_digest_of_its_push() -> None:
    """An unpushed one would start on this node alone."""
    pushed = {"Id": "sha256:2", "RepoDigests": [f"other.example.org/x@sha256:{'b' * 64}", f"{REGISTRY}/x@sha256:cc"]}
    for found, expected in ((pushed, f"{REGISTRY}/x@sha256:cc"), ({"Id": "sha256:2"}, None)):
        async with images({"GET /images/shop-skills-blue:01/json": (200, found)}) as (swarm, _):
            lost = await swarm.missing(KEPT, ["skills-blue"])
            restored = await swarm.restored(KEPT, ["skills-blue"])
        assert (lost == []) is (expected is not None)
        assert restored["services"]["skills-blue"]["image"] == (expected or "shop-skills-blue:01")


async def test_other_color_runs_the_same_image_by_digest() -> None:
    """A local name would start on the node of this manager alone."""
    async with images(HERE) as (swarm, _):
        restored = await swarm.restored(KEPT, ["api-green"])
    assert restored["services"]["api-green"] == {"image": BLUE_IMAGE, **BUILT}


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ('Get "http://registry.example.org/v2/": dial tcp 10.0.0.1:5000: connect: connection refused', True),
        ("received unexpected HTTP status: 503 Service Unavailable", True),
        ("denied: requested access to the resource is denied", False),
    ],
)
async def test_push_is_tried_again_if_the_registry_may_come_back(said: str, passes: bool) -> None:
    answers: Answers = {
        "GET /version": (200, {"ApiVersion": "1.41"}),
        "POST /tag": (201, {}),
        "POST /push": (200, {"error": said}),
    }
    with http_engine(answers) as http, closing(docker.DockerClient(base_url=http.host)) as client:
        registry = Registry(Docker(client, http.host), REGISTRY, "shop", 5)
        with pytest.raises(BuildFailed) as failed:
            await registry.push({"web": "shop-web:01"}, "a" * 40, lambda _: None)
    assert bool(failed.value.transient) is passes
    assert failed.value.service == "web"
