import docker
import pytest

from app.domain.errors import EngineFailed
from app.domain.stack import Keep
from tests.examples import a_stack, sha_of
from tests.unit.workers.engine_http import HttpEngine, http_engine
from workers.adapters.docker_host.client import Docker
from workers.adapters.docker_host.prune import GB, prune_build_cache, prune_images
from workers.definition.transform import image_name

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
