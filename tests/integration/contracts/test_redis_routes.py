"""The contract of the route port, tested on Redis."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.domain.stack import Color
from tests.examples import a_stack
from tests.integration.contracts.test_route import RouteContract
from workers.adapters.traefik.redis_routes import RedisRoutes
from workers.ports import Route

COPIES = {"skills": ("skills-1", "skills-2"), "api": ("api-1",)}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


@pytest.fixture
def root(namespace: str) -> str:
    return f"{namespace}/traefik"


class TestRedisRoutes(RouteContract):
    @pytest.fixture
    def route(self, redis: Redis, root: str, namespace: str) -> Route:
        return RedisRoutes(redis, a_stack(), namespace, root=root)


async def test_flip_to_known_copies_adds_and_removes_no_key(redis: Redis, root: str, namespace: str) -> None:
    """Traefik may miss a key that was just added."""
    route = RedisRoutes(redis, a_stack(), namespace, root=root)
    for color in Color:
        await route.flip(color, "r-1", COPIES)
    before = set(await redis.keys(f"{root}/*"))
    for n, color in enumerate((Color.BLUE, Color.GREEN, Color.BLUE)):
        await route.flip(color, f"r-{n}")
        assert set(await redis.keys(f"{root}/*")) == before


async def test_key_that_another_program_changed_is_noticed(redis: Redis, root: str, namespace: str) -> None:
    route = RedisRoutes(redis, a_stack(), namespace, root=root)
    await route.flip(Color.BLUE, "r-1")
    (key, *_) = sorted(await redis.keys(f"{root}/http/routers/*/service"))
    await redis.set(key, "updater.shop.skills.green")
    assert not await route.stands(Color.BLUE, "r-1")
    assert await route.active() is None
    await route.flip(Color.BLUE, "r-1")
    assert await route.stands(Color.BLUE, "r-1")


async def test_keys_of_another_stack_are_left_alone(redis: Redis, root: str, namespace: str) -> None:
    """Its name begins with this one's."""
    one = RedisRoutes(redis, a_stack(), namespace, root=root)
    other = RedisRoutes(redis, a_stack(project="shop-2"), namespace, root=root)
    await one.flip(Color.BLUE, "r-1")
    await other.flip(Color.GREEN, "r-2")
    await one.clear()
    assert (await one.active(), await other.active()) == (None, Color.GREEN)
    assert await other.stands(Color.GREEN, "r-2")
