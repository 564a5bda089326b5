"""The real parts on which the adapters are tested; each test uses its own names in them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import docker
import pytest
from arq.connections import ArqRedis

from app.ledger import Ledger
from app.queue import open_pool
from deploy.demo.docker.engine import Engine
from deploy.demo.redis_server import redis_server
from tests.examples import a_stack
from tests.integration.compose.read_release import SHA, Bench
from tests.integration.engine.sample_stack import Sample, sample_stack
from tests.integration.redis.redis_servers import OwnRedis, own_redis


@pytest.fixture(scope="session")
def redis_url(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for the whole run; no test may stop it."""
    with redis_server(tmp_path_factory.mktemp("redis"), lambda _: None) as url:
        yield url


@pytest.fixture
def own_server(tmp_path: Path, redis_url: str) -> Iterator[OwnRedis]:
    """The test's own server, which it may stop and restart."""
    directory = tmp_path / "redis"
    directory.mkdir()
    with own_redis(directory) as server:
        yield server


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
async def pool(redis_url: str, namespace: str) -> AsyncIterator[ArqRedis]:
    pool = open_pool(redis_url, namespace)
    yield pool
    await pool.aclose()


@pytest.fixture
def ledger(pool: ArqRedis, namespace: str) -> Ledger:
    return Ledger(pool, namespace)


@pytest.fixture(scope="module")
def whole_sample(engine: Engine, images: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """One for each file: another file's releases may have the same tags, and which files share a process is chance."""
    base, _ = images
    with sample_stack(tmp_path_factory.mktemp("sample"), engine.host, base) as sample:
        yield sample


@pytest.fixture
def sample(whole_sample: Sample) -> Iterator[Sample]:
    """The sample stack without containers; images of earlier tests of this file may exist."""
    yield whole_sample
    whole_sample.remove_containers()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    tree, live = tmp_path / "trees" / SHA, tmp_path / "live"
    tree.mkdir(parents=True)
    live.mkdir()
    stack = a_stack(directory=str(live), routed=a_stack().routed[1:])
    client = docker.DockerClient(base_url=f"unix://{tmp_path}/none.sock", version="1.41")
    yield Bench(tree, live, stack, client)
    client.close()
