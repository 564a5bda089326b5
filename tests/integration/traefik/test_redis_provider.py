"""The routes in Redis with two real Traefiks that read them."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from app.domain.routing.probe_request import ProbeRequest
from app.domain.routing.routes import ClientRoute, EntryPoint
from app.domain.stack import Color, RoutedService, Stack, Times
from deploy.demo.clients import plain_client
from deploy.demo.processes import free_port, running
from tests.examples import a_routed, a_stack, a_traefik
from tests.integration.redis.redis_servers import OwnRedis
from tests.integration.traefik.backends import Gate, backend
from tests.integration.waiting import once_up, until
from workers.adapters.machine import SystemClock
from workers.adapters.traefik.redis_routes import RedisRoutes
from workers.ports import Answer
from workers.routing.confirm import confirm_routes
from workers.routing.route_file import RouteState, configuration

NUMBER = 2
FLIPS = 20
CLIENTS = 4
PACE_SECONDS = 0.02
ROUTE_SECONDS = 60.0
"""More than on a machine that has nothing else to do."""
HOSTS = {Color.BLUE: "127.0.0.2", Color.GREEN: "127.0.0.3"}
"""Both colors listen on the same port, as in containers, so each has its own address."""

COPIES = {color: dict.fromkeys(("skills", "api"), (host,)) for color, host in HOSTS.items()}


@dataclass(frozen=True)
class Served:
    """Two Traefiks, the routes that they read, and a client."""

    route: RedisRoutes
    stack: Stack
    client: httpx.AsyncClient

    async def ask(self, url: str) -> tuple[int, str, str | None]:
        """The status, the copy that answered, and the rollout header."""
        answer = await self.client.get(url)
        return answer.status_code, answer.text, answer.headers.get("X-Updater-Rollout")

    async def probe(self, _: RoutedService, request: ProbeRequest) -> Answer:
        status, __, rollout = await self.ask(request.url)
        return Answer(status, 0.0, rollout)

    async def flip(self, color: Color, rollout: str) -> None:
        """Flips like the pipeline: the flip counts when every Traefik answers with it."""
        await self.route.flip(color, rollout, COPIES[color])
        stack = replace(self.stack, times=Times(route=ROUTE_SECONDS))
        await confirm_routes(stack, SystemClock(), self.route, rollout, self.probe)


@pytest.fixture
def ports() -> dict[str, int]:
    names = ("skills", "api", *(f"{name}-{n}" for name in ("skills", "api", "api.traefik") for n in range(NUMBER)))
    return {name: free_port() for name in names}


@pytest.fixture
def stack(ports: dict[str, int]) -> Stack:
    urls = {name: [f"http://127.0.0.1:{ports[f'{name}-{n}']}" for n in range(NUMBER)] for name in ("skills", "api")}
    points = {name: EntryPoint(first, others=tuple(others)) for name, (first, *others) in urls.items()}
    routed = tuple(a_routed(name, ports[name], "/", ClientRoute(name), colors=HOSTS) for name in urls)
    return a_stack(traefik=replace(a_traefik(), entrypoints=points), routed=routed)


@pytest.fixture
async def redis(own_server: OwnRedis) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(own_server.url, decode_responses=True)
    await client.config_set("notify-keyspace-events", "KEA")
    yield client
    await client.aclose()


@pytest.fixture
def traefiks(redis: Redis, own_server: OwnRedis, ports: dict[str, int], tmp_path: Path) -> Iterator[list[int]]:
    """The process ids of the Traefiks."""
    address = own_server.url.removeprefix("redis://").partition("/")[0]
    first, second = (command(address, ports, number) for number in range(NUMBER))
    with running(first, {}, tmp_path / "0.log") as one, running(second, {}, tmp_path / "1.log") as two:
        yield [one.pid, two.pid]


def command(redis: str, ports: dict[str, int], number: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("traefik")),
        *(f"--entrypoints.{name}.address=127.0.0.1:{ports[f'{name}-{number}']}" for name in ("skills", "api")),
        f"--entrypoints.traefik.address=127.0.0.1:{ports[f'api.traefik-{number}']}",
        *("--api.insecure=true", f"--providers.redis.endpoints={redis}"),
        *("--providers.providersThrottleDuration=100ms", "--log.level=WARN"),
        *("--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"),
    ]


@pytest.fixture
async def served(stack: Stack, redis: Redis, traefiks: list[int], namespace: str) -> AsyncIterator[Served]:
    """Two Traefiks on which blue serves with the rollout `r-0`."""
    gate = Gate()
    async with AsyncExitStack() as parts:
        for service in stack.routed:
            for color in Color:
                await parts.enter_async_context(backend(service, color, gate))
        client = await parts.enter_async_context(plain_client(timeout=60, limits=httpx.Limits(max_connections=None)))
        served = Served(RedisRoutes(redis, stack, namespace), stack, client)
        await until(once_up(lambda: listen(served)))
        await served.flip(Color.BLUE, "r-0")
        yield served


async def listen(served: Served) -> bool:
    points = served.stack.traefik.entrypoints.values()
    return [(await served.ask(url))[0] for point in points for url in point.urls] == [404] * NUMBER * 2


async def test_flips_under_load_lose_no_request_on_any_traefik(served: Served) -> None:
    seen: Counter[tuple[int, str, str | None]] = Counter()
    stopping = asyncio.Event()
    urls = [url for point in served.stack.traefik.entrypoints.values() for url in point.urls]

    async def load(url: str) -> None:
        while not stopping.is_set():
            seen[await served.ask(url)] += 1
            await asyncio.sleep(PACE_SECONDS)

    async with asyncio.TaskGroup() as clients:
        for n in range(CLIENTS):
            clients.create_task(load(urls[n % len(urls)]))
        for n in range(1, FLIPS + 1):
            await served.flip((Color.BLUE, Color.GREEN)[n % 2], f"r-{n}")
        stopping.set()
    assert {status for status, _, _ in seen} == {200}
    colors = {f"r-{n}": str((Color.BLUE, Color.GREEN)[n % 2]) for n in range(FLIPS + 1)}
    assert all(color.endswith(colors[rollout or ""]) for _, color, rollout in seen), "the header matches the color"
    assert len({rollout for _, _, rollout in seen}) > FLIPS / 2, "the load saw the flips"


async def test_traefik_reads_the_same_configuration_as_from_a_file(
    served: Served, ports: dict[str, int], redis: Redis
) -> None:
    """With what a route may have: TLS, several copies, sticky cookies, priorities."""
    routes = (
        ClientRoute("skills", "Host(`a.example.org`) && PathPrefix(`/x`)", priority=7),
        ClientRoute("skills", "Host(`b.example.org`)", tls={}),
        ClientRoute("skills", "Host(`c.example.org`)", tls={"domains": [{"main": "c.example.org", "sans": ["d.org"]}]}),
    )
    sticky: dict[str, Any] = {"cookie": {"name": "shop", "secure": True, "maxAge": 60}}
    routed = replace(served.stack.routed[0], routes=routes, sticky=sticky)
    stack, copies = replace(served.stack, routed=(routed,)), {"skills": ("127.0.0.2", "127.0.0.4")}
    await served.route.flip(Color.BLUE, "r-1", copies, stack=stack)
    wanted = configuration(stack, RouteState(Color.BLUE, "r-1", {Color.BLUE: copies}))

    async def is_read() -> bool:
        found = (await served.client.get(f"http://127.0.0.1:{ports['api.traefik-0']}/api/rawdata")).json()
        routers = {name: found["routers"].get(f"{name}@redis") for name in wanted["routers"]}
        services = {name: found["services"].get(f"{name}@redis") for name in wanted["services"]}
        return all(routers.values()) and all(services.values()) and _says(routers, services, wanted)

    await until(is_read)


def _says(routers: dict[str, Any], services: dict[str, Any], wanted: dict[str, Any]) -> bool:
    for name, router in wanted["routers"].items():
        seen = routers[name]
        if (seen["rule"], seen["service"], seen.get("tls")) != (router["rule"], router["service"], router.get("tls")):
            return False
        if router.get("priority") not in {None, seen["priority"]}:
            return False
        if [each.removesuffix("@redis") for each in seen["middlewares"]] != router["middlewares"]:
            return False
    for name, service in wanted["services"].items():
        balancer, seen = service["loadBalancer"], services[name]["loadBalancer"]
        if seen["servers"] != balancer["servers"] or seen["sticky"]["cookie"]["maxAge"] != 60:
            return False
    return True
