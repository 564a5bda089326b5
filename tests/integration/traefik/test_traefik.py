"""The route file with a real Traefik."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from app.domain.errors import RouteNotConfirmed, TrafficUnknown
from app.domain.routing.probe_request import ProbeRequest
from app.domain.routing.routes import ClientRoute
from app.domain.stack import Color, RoutedService, Stack, Times
from app.domain.traffic import Tally
from deploy.demo.clients import plain_client
from deploy.demo.processes import free_port, running
from tests.examples import a_routed, a_stack, a_traefik
from tests.integration.traefik.backends import Gate, backend, backend_url
from tests.integration.waiting import once_up, until
from workers.adapters.machine import SystemClock
from workers.adapters.traefik.metrics import TraefikMetrics
from workers.adapters.traefik.route_file import RouteFile
from workers.ports import Answer
from workers.routing.confirm import confirm_routes

FLIPS = 20
CLIENTS = 6
PACE_SECONDS = 0.02
"""How long a client waits after an answer: about 300 requests a second in all, a light load."""

HOSTS = {Color.BLUE: "127.0.0.2", Color.GREEN: "127.0.0.3"}
"""Both colors listen on the same port, as in containers, so each has its own address."""

FOREIGN = """
http:
  routers: {{foreign: {{rule: "PathPrefix(`/foreign`)", service: foreign, priority: 1000, entryPoints: [skills]}}}}
  services: {{foreign: {{loadBalancer: {{servers: [{{url: "{url}"}}]}}}}}}
"""


@dataclass(frozen=True)
class Served:
    """A running Traefik, its route file, and a client."""

    route: RouteFile
    stack: Stack
    dynamic: Path
    client: httpx.AsyncClient
    gate: Gate

    async def ask(self, name: str, path: str = "/") -> tuple[int, str, str | None]:
        """The status, the copy that answered, and the rollout header."""
        answer = await self.client.get(f"{self.stack.traefik.entrypoints[name].url}{path}")
        return answer.status_code, answer.text, answer.headers.get("X-Updater-Rollout")

    async def probe(self, service: RoutedService, _: ProbeRequest) -> Answer:
        status, __, rollout = await self.ask(service.name)
        return Answer(status, 0.0, rollout)

    async def answers(self, color: Color, rollout: str) -> bool:
        """Whether every route leads to `color` and answers with `rollout`."""
        seen = [await self.ask(s.name) for s in self.stack.routed]
        return seen == [(200, f"{s.name} {color}", rollout) for s in self.stack.routed]

    async def flip(self, color: Color, rollout: str) -> None:
        """Flips like the pipeline, and waits until the flip is confirmed."""
        await self.route.flip(color, rollout)
        await until(lambda: self.answers(color, rollout))


@pytest.fixture
def stack() -> Stack:
    ports = {name: free_port() for name in ("skills", "api", "skills-entry", "api-entry", "metrics")}
    return a_stack(
        traefik=a_traefik(
            **{name: f"http://127.0.0.1:{ports[f'{name}-entry']}" for name in ("skills", "api")},
            metrics=f"http://127.0.0.1:{ports['metrics']}/metrics",
        ),
        routed=tuple(a_routed(name, ports[name], "/", ClientRoute(name), colors=HOSTS) for name in ("skills", "api")),
    )


@pytest.fixture
def dynamic(tmp_path: Path, stack: Stack) -> Iterator[Path]:
    """The directory that Traefik watches."""
    dynamic = tmp_path / "routes" / "dynamic"
    dynamic.mkdir(parents=True)
    (dynamic / "foreign.yml").write_text(FOREIGN.format(url=backend_url(stack.routed[0], Color.BLUE)))
    with running(traefik_command(stack, dynamic), {}, tmp_path / "traefik.log"):
        yield dynamic


@pytest.fixture
async def served(stack: Stack, dynamic: Path) -> AsyncIterator[Served]:
    """A Traefik on which blue serves with the rollout `r-0`."""
    gate = Gate()
    async with AsyncExitStack() as parts:
        for service in stack.routed:
            for color in Color:
                await parts.enter_async_context(backend(service, color, gate))
        limits = httpx.Limits(max_connections=None)
        client = await parts.enter_async_context(plain_client(timeout=60, limits=limits))
        served = Served(RouteFile(dynamic, stack), stack, dynamic, client, gate)
        await until(once_up(lambda: listens(served)))
        await served.flip(Color.BLUE, "r-0")
        yield served


def traefik_command(stack: Stack, dynamic: Path) -> list[str]:
    entrypoints = [
        f"--entrypoints.{n}.address={point.url.rpartition('/')[2]}" for n, point in stack.traefik.entrypoints.items()
    ]
    return [
        str(Path(sys.executable).with_name("traefik")),
        *entrypoints,
        f"--entrypoints.metrics.address={urlsplit(stack.traefik.metrics[0]).netloc}",
        *("--metrics.prometheus=true", "--metrics.prometheus.entrypoint=metrics"),
        *(f"--providers.file.directory={dynamic}", "--providers.file.watch=true"),
        *("--providers.providersThrottleDuration=100ms", "--log.level=WARN"),
        *("--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"),
    ]


async def listens(served: Served) -> bool:
    return (await served.ask("skills", "/foreign"))[0] == 200


async def test_flip_moves_every_route_and_names_rollout(served: Served) -> None:
    await served.flip(Color.GREEN, "r-1")
    assert await served.ask("skills") == (200, "skills green", "r-1")
    assert await served.ask("api", "/any/path") == (200, "api green", "r-1")


async def test_flips_under_load_lose_no_request(served: Served) -> None:
    seen: Counter[tuple[int, str, str | None]] = Counter()
    stopping = asyncio.Event()

    async def load(name: str) -> None:
        while not stopping.is_set():
            seen[await served.ask(name)] += 1
            await asyncio.sleep(PACE_SECONDS)

    async with asyncio.TaskGroup() as clients:
        for n in range(CLIENTS):
            clients.create_task(load(("skills", "api")[n % 2]))
        for n in range(1, FLIPS + 1):
            await served.flip((Color.BLUE, Color.GREEN)[n % 2], f"r-{n}")
        stopping.set()
    assert {status for status, _, _ in seen} == {200}
    colors = {f"r-{n}": str((Color.BLUE, Color.GREEN)[n % 2]) for n in range(FLIPS + 1)}
    assert all(color.endswith(colors[rollout or ""]) for _, color, rollout in seen), "the header matches the color"
    assert len({rollout for _, _, rollout in seen}) > FLIPS / 2, "the load saw the flips"
    assert seen.total() > FLIPS * CLIENTS


async def test_request_in_flight_keeps_its_color(served: Served) -> None:
    waiting = asyncio.create_task(served.ask("skills", "/held"))
    await until(served.gate.reached.is_set)
    await served.flip(Color.GREEN, "r-1")
    served.gate.opened.set()
    assert await waiting == (200, "skills blue", "r-0")


async def test_foreign_file_keeps_serving(served: Served) -> None:
    foreign = (served.dynamic / "foreign.yml").read_bytes()
    for n, color in enumerate((Color.GREEN, Color.BLUE), start=1):
        await served.flip(color, f"r-{n}")
        assert await served.ask("skills", "/foreign") == (200, "skills blue", None)
    await served.route.clear()
    await until(lambda: is_gone(served))
    assert await served.ask("skills", "/foreign") == (200, "skills blue", None)
    assert (served.dynamic / "foreign.yml").read_bytes() == foreign


OTHERS = "http: {middlewares: {m: {addPrefix: {prefix: /x}}}}\n"
"""A file of another stack, which must keep working."""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("odd.yml", "http:\n"),
        ("odd.YML", "{}\n"),
        (".yml", "tls: {certificates: []}\n"),
        ("odd.yml", "http: {}\n"),
        ("odd.YAML", "http: {routers: null}\n"),
        (".yml", "tls: {options: {x: null}}\n"),
        ("odd.TOML", "[http.routers]\n"),
        ("odd.yml.old", "http: {}\n"),
        ("odd.yml", f"{OTHERS}---\n"),
        ("odd.yml", f"{OTHERS}---\nhttp: [\n"),
        ("odd.yml", f"---\n{OTHERS}"),
        ("odd.yml", OTHERS.replace("/x", "2024-02-31")),
        ("odd.yml", OTHERS.replace("/x", "!own /x")),
        ("odd.yml", OTHERS.replace("{prefix", "!own {prefix")),
    ],
)
async def test_stray_is_exactly_a_file_traefik_refuses(served: Served, name: str, text: str) -> None:
    (served.dynamic / name).write_text(text)
    strays = await served.route.strays()
    await served.route.flip(Color.GREEN, "r-1")
    if not strays:
        await until(lambda: served.answers(Color.GREEN, "r-1"))
        return
    stack = replace(served.stack, times=Times(route=1.0))
    with pytest.raises(RouteNotConfirmed):
        await confirm_routes(stack, SystemClock(), served.route, "r-1", served.probe)
    await served.route.set_aside(*strays)
    await until(lambda: served.answers(Color.GREEN, "r-1"))


async def test_cleared_route_answers_404_until_a_flip(served: Served) -> None:
    await served.route.clear()
    await until(lambda: is_gone(served))
    await served.flip(Color.GREEN, "r-1")


async def is_gone(served: Served) -> bool:
    return [(await served.ask(s.name))[0] for s in served.stack.routed] == [404, 404]


@pytest.fixture
async def metrics(served: Served) -> AsyncIterator[TraefikMetrics]:
    metrics = TraefikMetrics(served.stack.traefik.metrics, served.stack)
    yield metrics
    await metrics.aclose()


async def test_answers_are_counted_by_color_and_service(served: Served, metrics: TraefikMetrics) -> None:
    before = (await metrics.tallies())[Color.BLUE]["skills"]
    for path in ("/", "/", "/broken"):
        await served.ask("skills", path)
    came = (await metrics.tallies())[Color.BLUE]["skills"].since(before)
    assert (came.requests, came.errors) == (3, 1)
    assert came.seconds > 0
    assert (await metrics.tallies())[Color.GREEN] == {"skills": Tally(), "api": Tally()}
    await served.flip(Color.GREEN, "r-1")
    await served.ask("api", "/broken")
    assert (await metrics.tallies())[Color.GREEN]["api"].errors == 1


async def test_counts_restart_after_a_color_is_left(served: Served, metrics: TraefikMetrics) -> None:
    await served.ask("skills", "/broken")
    await served.flip(Color.GREEN, "r-1")
    assert (await metrics.tallies())[Color.BLUE]["skills"].errors == 1

    async def forgotten() -> bool:
        return (await metrics.tallies())[Color.BLUE]["skills"] == Tally()

    await until(forgotten)  # Traefik serves its new routes a moment before it forgets the counts of the old ones
    await served.flip(Color.BLUE, "r-2")
    assert (await metrics.tallies())[Color.BLUE]["skills"].errors == 0


async def test_invalid_metrics_page_is_a_named_error(served: Served, stack: Stack) -> None:
    for url in (served.stack.traefik.entrypoints["skills"].url, f"http://127.0.0.1:{free_port()}/metrics"):
        metrics = TraefikMetrics([url], stack)
        with pytest.raises(TrafficUnknown, match=r"Traefik's metrics cannot be read"):
            await metrics.tallies()
        await metrics.aclose()
