"""Routes as people have them, on a real Traefik: host names, TLS, middlewares, several routes, several stacks."""

import asyncio
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route as PathRoute

from app.domain.errors import RouteNotConfirmed
from app.domain.routing.matchers import RuleInvalid
from app.domain.routing.probe_request import all_route_requests, direct_request, route_requests
from app.domain.routing.routes import ClientRoute, EntryPoint, HealthRequest, Scheme
from app.domain.routing.rule import parse
from app.domain.stack import Color, Stack, Times, Traefik
from deploy.demo.processes import free_port, running
from tests.examples import a_routed, a_stack
from tests.fakes.world import World
from tests.integration.git.private_git import certificate as self_signed
from tests.integration.traefik.backends import Gate, backend
from tests.integration.waiting import once_up, until
from workers.adapters.http_probe import HttpProbe
from workers.adapters.machine import SystemClock
from workers.adapters.traefik.route_file import FIRST_NAME, RouteFile
from workers.adoption.conflicts import conflicts
from workers.rollout.steps.preflight import problems
from workers.routing import route_file
from workers.routing.client_certificates import certificates_needed
from workers.routing.confirm import confirm_routes

SHOP = "Host(`shop.example.org`)"
SHOP_COLORS = {Color.BLUE: "127.0.0.2", Color.GREEN: "127.0.0.3"}
MAIL_COLORS = {Color.BLUE: "127.0.0.4", Color.GREEN: "127.0.0.5"}
PASSWORD = ("ada", "engine")
AUTH = {"http": {"middlewares": {"auth": {"basicAuth": {"users": ["ada:{SHA}xkAzZy9cqYTf6WKQlnGWHoAS8MU="]}}}}}
"""The SHA-1 of the password, as `htpasswd -s` writes it."""
SECURE = ClientRoute("websecure", SHOP, {})
REFUSED = Times(route=6.0)
"""The limit for a route that Traefik refuses, which is waited for. Traefik has read the file by then."""

FLIPS = 10
PACE_SECONDS = 0.02


@dataclass(frozen=True)
class Ports:
    web: int
    websecure: int
    api: int


@dataclass(frozen=True)
class Place:
    """A running Traefik, the directory that it watches, and a probe and a client for it."""

    ports: Ports
    dynamic: Path
    probe: HttpProbe
    client: httpx.AsyncClient

    @property
    def secure_url(self) -> str:
        return f"https://127.0.0.1:{self.ports.websecure}"

    def stack(self, name: str, colors: dict[Color, str], port: int, *routes: ClientRoute, **change: Any) -> Stack:
        points = {
            "web": EntryPoint(f"http://127.0.0.1:{self.ports.web}"),
            "websecure": EntryPoint(self.secure_url),
        }
        return a_stack(
            project=name,
            traefik=Traefik(points, api=f"http://127.0.0.1:{self.ports.api}"),
            routed=(a_routed(name, port, "/", *routes, colors=colors, **change),),
            times=Times(route=60.0),
        )

    async def flip(
        self, stack: Stack, color: Color, rollout: str, copies: dict[str, tuple[str, ...]] | None = None
    ) -> None:
        """Moves the routes, and returns once every one of them answers with `rollout`."""
        route = RouteFile(self.dynamic, stack)
        await route.flip(color, rollout, copies)
        await confirm_routes(stack, SystemClock(), route, rollout, lambda _, request: self.probe.ask(request))

    async def get(self, host: str, *, secure: bool = True, **options: Any) -> httpx.Response:
        """What a client gets that connects to Traefik and asks for `host`."""
        url = f"https://127.0.0.1:{self.ports.websecure}/" if secure else f"http://127.0.0.1:{self.ports.web}/"
        extensions = {"sni_hostname": host} if secure else {}
        return await self.client.get(url, headers={"Host": host}, extensions=extensions, **options)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[Ports, Path]]:
    ports, dynamic = Ports(free_port(), free_port(), free_port()), tmp_path / "routes" / "dynamic"
    dynamic.mkdir(parents=True)
    (dynamic / "auth.yml").write_text(yaml.safe_dump(AUTH))
    with running(traefik(ports, dynamic), {}, tmp_path / "traefik.log"):
        yield ports, dynamic


def traefik(ports: Ports, dynamic: Path, *more: str) -> list[str]:
    """The command of a Traefik at `ports` that watches `dynamic`."""
    return [
        str(Path(sys.executable).with_name("traefik")),
        *(f"--entrypoints.web.address=127.0.0.1:{ports.web}", f"--entrypoints.traefik.address=127.0.0.1:{ports.api}"),
        f"--entrypoints.websecure.address=127.0.0.1:{ports.websecure}",
        *(
            "--api.insecure=true",
            "--providers.rest.insecure=true",
            f"--providers.file.directory={dynamic}",
            "--providers.file.watch=true",
        ),
        *("--providers.providersThrottleDuration=100ms", "--log.level=WARN"),
        *("--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"),
        *more,
    ]


@pytest.fixture
async def place(listening: tuple[Ports, Path]) -> AsyncIterator[Place]:
    ports, dynamic = listening
    limits = httpx.Limits(max_connections=None)
    async with AsyncExitStack() as parts:
        client = await parts.enter_async_context(
            httpx.AsyncClient(trust_env=False, timeout=60, limits=limits, verify=False)  # noqa: S501 - of the test itself
        )
        probe = HttpProbe("X-Updater-Rollout", timeout=30.0)
        parts.push_async_callback(probe.aclose)
        place = Place(ports, dynamic, probe, client)
        await until(once_up(lambda: _answers(place)))
        yield place


async def _answers(place: Place) -> bool:
    return (await place.client.get(f"http://127.0.0.1:{place.ports.api}/api/rawdata")).status_code == 200


@pytest.fixture
async def shop(place: Place) -> AsyncIterator[Stack]:
    """The stack `shop`; its routes are the tests' own."""
    stack = place.stack("shop", SHOP_COLORS, free_port(), SECURE)
    async with backend(stack.routed[0], Color.BLUE, Gate()), backend(stack.routed[0], Color.GREEN, Gate()):
        yield stack


def routed_by(stack: Stack, *routes: ClientRoute) -> Stack:
    return replace(stack, routed=(replace(stack.routed[0], routes=routes),))


async def test_host_with_tls_is_confirmed_and_served(place: Place, shop: Stack) -> None:
    await place.flip(shop, Color.GREEN, "r-1")
    answer = await place.get("shop.example.org")
    assert (answer.status_code, answer.text, answer.headers["X-Updater-Rollout"]) == (200, "shop green", "r-1")
    assert (await place.get("other.example.org")).status_code == 404


@pytest.mark.skipif(shutil.which("openssl") is None, reason="not available here: openssl")
async def test_verify_true_checks_the_certificate(
    place: Place, shop: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the host of the rule, whatever name the worker connects to; a private authority counts if it is trusted."""
    certificate = self_signed(tmp_path, "shop.example.org")
    files = {"certFile": str(certificate), "keyFile": str(certificate)}
    (place.dynamic / "certificates.yml").write_text(yaml.safe_dump({"tls": {"certificates": [files]}}))
    points = {**shop.traefik.entrypoints, "websecure": EntryPoint(place.secure_url, verify=True)}
    stack = replace(shop, traefik=replace(shop.traefik, entrypoints=points))
    with pytest.raises(RouteNotConfirmed, match="CERTIFICATE_VERIFY_FAILED"):
        await place.flip(replace(stack, times=REFUSED), Color.BLUE, "r-1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    place = replace(place, probe=HttpProbe("X-Updater-Rollout", timeout=30.0))
    await place.flip(stack, Color.GREEN, "r-2")
    other = replace(routed_by(stack, ClientRoute("websecure", "Host(`other.example.org`)", {})), times=REFUSED)
    with pytest.raises(RouteNotConfirmed, match="self-signed certificate"):
        await place.flip(other, Color.BLUE, "r-3")  # Traefik has only its default certificate for it
    await place.probe.aclose()


async def test_every_route_of_a_service_is_confirmed(place: Place, shop: Stack) -> None:
    routes = SECURE, ClientRoute("web", "Host(`shop`)"), ClientRoute("web", f"{SHOP} && PathPrefix(`/admin`)")
    stack = routed_by(shop, *routes)
    await place.flip(stack, Color.BLUE, "r-1")
    answers = [await place.probe.ask(request) for request in route_requests(stack, stack.routed[0])]
    assert [(answer.ok, answer.rollout) for answer in answers] == [(True, "r-1")] * 3
    wrong = routed_by(shop, SECURE, ClientRoute("web", "Host(`shop`)", middlewares=("missing@file",)))
    with pytest.raises(RouteNotConfirmed, match=r'Traefik says: updater\.shop\.shop\.2@file: .*"missing@file"'):
        await place.flip(replace(wrong, times=REFUSED), Color.GREEN, "r-2")


async def test_password_stays_on_through_flips_and_a_lost_file(place: Place, shop: Stack) -> None:
    stack = routed_by(shop, ClientRoute("websecure", SHOP, {}, ("auth@file",)))
    route, open_answers, stopping = RouteFile(place.dynamic, stack), Counter[int](), asyncio.Event()

    async def without_a_password() -> None:
        while not stopping.is_set():
            open_answers[(await place.get("shop.example.org")).status_code] += 1
            await asyncio.sleep(PACE_SECONDS)

    async with asyncio.TaskGroup() as clients:
        clients.create_task(without_a_password())
        for n, color in enumerate((Color.BLUE, Color.GREEN, Color.BLUE)):
            await place.flip(stack, color, f"r-{n}")
            assert (await place.get("shop.example.org", auth=PASSWORD)).text == f"shop {color}"
        route.file.unlink()
        await until(lambda: open_answers[404] > 1)
        await place.flip(stack, Color.GREEN, "r-9")
        stopping.set()
    assert set(open_answers) == {401, 404}, "never open"


async def test_route_that_lost_its_password_is_not_confirmed_by_another(place: Place, shop: Stack) -> None:
    """Traefik drops a route whose middleware is missing; the wider route then answers without a password."""
    admin = ClientRoute("websecure", f"{SHOP} && PathPrefix(`/admin`)", {}, ("missing@file",))
    with pytest.raises(RouteNotConfirmed, match="within 6 s"):
        await place.flip(replace(routed_by(shop, SECURE, admin), times=REFUSED), Color.BLUE, "r-1")


async def test_sticky_session_ends_on_the_new_color(place: Place, shop: Stack) -> None:
    stack = replace(shop, routed=(replace(shop.routed[0], sticky={"cookie": {"name": "shop", "secure": True}}),))
    await place.flip(stack, Color.BLUE, "r-1")
    cookie = (await place.get("shop.example.org")).cookies["shop"]
    await place.flip(stack, Color.GREEN, "r-2")
    place.client.cookies.set("shop", cookie)
    answer = await place.get("shop.example.org")
    assert (answer.status_code, answer.text) == (200, "shop green")


async def test_copy_that_is_gone_costs_no_request(place: Place, shop: Stack) -> None:
    """Of the three servers, one refuses connections, and one has no address any more."""
    no_name = "g" * 64  # too long for one: no name server is asked, which may take long
    copies = (SHOP_COLORS[Color.BLUE], "127.0.0.6", no_name)
    await place.flip(shop, Color.BLUE, "r-1", {"shop": copies})
    headers = {"Host": "shop.example.org"}
    for method in ("GET", "POST") * 15:
        answer = await place.client.request(
            method, place.secure_url, headers=headers, extensions={"sni_hostname": "shop.example.org"}
        )
        assert (answer.status_code, answer.text, answer.headers["X-Updater-Rollout"]) == (200, "shop blue", "r-1")
    await place.flip(shop, Color.BLUE, "r-2", {"shop": copies[1:]})
    answer = await place.get("shop.example.org")
    assert (answer.status_code, answer.headers["X-Updater-Rollout"]) == (502, "r-2"), "none is left"


async def test_two_stacks_share_traefik_and_its_directory(place: Place, shop: Stack) -> None:
    """Each client always gets an answer, and always from its own stack, while both flip."""
    mail = place.stack("mail", MAIL_COLORS, free_port(), ClientRoute("websecure", "Host(`mail.example.org`)", {}))
    seen: dict[str, Counter[str]] = {"shop": Counter(), "mail": Counter()}
    stopping = asyncio.Event()

    async def client(name: str) -> None:
        while not stopping.is_set():
            answer = await place.get(f"{name}.example.org")
            seen[name][f"{answer.status_code} {answer.text.split()[0]}"] += 1
            await asyncio.sleep(PACE_SECONDS)

    async def flips(stack: Stack) -> None:
        for n in range(FLIPS):
            await place.flip(stack, (Color.BLUE, Color.GREEN)[n % 2], f"{stack.project}-{n}")

    async with backend(mail.routed[0], Color.BLUE, Gate()), backend(mail.routed[0], Color.GREEN, Gate()):
        await asyncio.gather(place.flip(shop, Color.BLUE, "s"), place.flip(mail, Color.BLUE, "m"))
        async with asyncio.TaskGroup() as group:
            for name in seen:
                group.create_task(client(name))
            await asyncio.gather(flips(shop), flips(mail))
            stopping.set()
        for stack in (shop, mail):
            route = RouteFile(place.dynamic, stack)
            assert (await route.strays(), await route.active()) == ([], Color.GREEN)
    assert {name: set(answers) for name, answers in seen.items()} == {"shop": {"200 shop"}, "mail": {"200 mail"}}


async def test_file_of_the_first_version_is_taken_over_under_load(place: Place, shop: Stack) -> None:
    stack = routed_by(shop, ClientRoute("web"))
    (place.dynamic / FIRST_NAME).write_text(first_version(stack, Color.BLUE, "r-0"))
    await until(lambda: _serves(place))
    route = RouteFile(place.dynamic, stack)
    assert (await route.active(), await route.rollout(), await route.strays()) == (Color.BLUE, "r-0", [])

    async with under_load(place) as answers:
        assert not await route.stands(Color.BLUE, "r-0"), "the drift watch rewrites it"
        await place.flip(stack, Color.BLUE, "r-0")
        await place.flip(stack, Color.GREEN, "r-1")
    assert set(answers) == {200}
    assert sorted(path.name for path in place.dynamic.iterdir()) == ["auth.yml", "updater-shop.yml"]


async def test_file_of_the_version_before_is_taken_over_under_load(place: Place, shop: Stack) -> None:
    """Its answers do not name the stack; they count until the file is rewritten."""
    stack = routed_by(shop, ClientRoute("web"))
    before = route_file.render(stack, Color.BLUE, "r-0").replace("Rollout-Route: shop.", "Rollout-Route: ")
    (place.dynamic / "updater-shop.yml").write_text(before)
    await until(lambda: _serves(place))
    route = RouteFile(place.dynamic, stack)
    assert (await route.active(), await route.rollout(), await route.strays()) == (Color.BLUE, "r-0", [])

    async with under_load(place) as answers:
        ((_, asked),) = all_route_requests(stack)
        assert (await place.probe.ask(asked)).rollout == "r-0", "until then it counts"
        assert not await route.stands(Color.BLUE, "r-0"), "the drift watch rewrites it"
        await place.flip(stack, Color.BLUE, "r-0")
        await place.flip(stack, Color.GREEN, "r-1")
    assert set(answers) == {200}


@asynccontextmanager
async def under_load(place: Place) -> AsyncIterator[Counter[int]]:
    """A client that asks without a pause; yields how often it got which status."""
    answers, stopping = Counter[int](), asyncio.Event()

    async def load() -> None:
        while not stopping.is_set():
            answers[(await place.get("any.example.org", secure=False)).status_code] += 1
            await asyncio.sleep(PACE_SECONDS / 4)

    async with asyncio.TaskGroup() as clients:
        clients.create_task(load())
        yield answers
        stopping.set()


async def _serves(place: Place) -> bool:
    return (await place.get("any.example.org", secure=False)).status_code == 200


def first_version(stack: Stack, color: Color, rollout: str) -> str:
    """The route file as the version wrote it that knew one stack in a directory."""
    (service,) = stack.routed
    name = f"updater-{service.name}-{color}"
    http = {
        "routers": {
            f"updater-{service.name}": {
                "rule": "PathPrefix(`/`)",
                "entryPoints": ["web"],
                "service": name,
                "middlewares": ["updater-rollout"],
            }
        },
        "services": {name: {"loadBalancer": {"servers": [{"url": f"http://{service.colors[color]}:{service.port}"}]}}},
        "middlewares": {"updater-rollout": {"headers": {"customResponseHeaders": {"X-Updater-Rollout": rollout}}}},
    }
    head = "# Written by zetherion-updater: one rename moves every route. Changes by hand are overwritten.\n"
    return f"{head}# active color: {color}\n# rollout: {rollout}\n{yaml.safe_dump({'http': http})}"


async def test_file_of_another_stack_is_not_overwritten(place: Place, shop: Stack) -> None:
    await place.flip(shop, Color.BLUE, "r-1")
    file = place.dynamic / "updater-shop.yml"
    before = file.read_text()
    with pytest.raises(RouteNotConfirmed, match="has the routes of the stack shop"):
        await RouteFile(file, replace(shop, project="mail")).flip(Color.GREEN, "r-2")
    assert file.read_text() == before


RULES = [
    *("Host(`a.b`)", "HOST(`a.b`)", "host(`a.b`)", 'Host("a.b")', "Host(`a.b`) && (Path(`/x`) || !Path(`/y`))"),
    *("HostRegexp(`^.+$`)", "Method(`GET`)", "Header(`a`, `b`)", "HeaderRegexp(`a`, `b`)", "Query(`a`)"),
    *("Query(`a`, `b`)", "QueryRegexp(`a`, `b`)", "ClientIP(`10.0.0.0/8`)", "ClientIP(`::1`)", "PathRegexp(`/x`)"),
    *("Host(`a.b`, `c.d`)", "Host()", "Host(`a.b`", "Host('a.b')", "Host(a)", "hOst(`a.b`)", "Domain(`a.b`)"),
    *("Host(`a.b`) Path(`/x`)", "Host(`a.b`) &&", "PathPrefix(`api`)", "Path(``)", "Header(`a`)", "HostRegexp(`(a`)"),
    *(
        "Host(`ä.b`)",
        "ClientIP(`10.0.0.0/33`)",
        "Query(`a`, `b`, `c`)",
        "PathRegexp(`^/(?!api)`)",
        "HostRegexp(`^(?<!w)a$`)",
        r"PathRegexp(`(a)\1`)",
        r"PathRegexp(`\(?=`)",
        "PathRegexp(`^/[[:alpha:]]+`)",
        "PathRegexp(`^/(?P<x>a)`)",
        "PathRegexp(`^/(?<x>a)`)",
        r"PathRegexp(`^/\p{L}`)",
        r"PathRegexp(`^/\Qa.b\E`)",
        "PathRegexp(`(?i)^/a`)",
        "!Host(`a.b`)",
        "Host(`a.b`)\n|| Host(`c.d`)",
        "Host(`a.b`) ||\nHost(`c.d`)",
        "Host(`a.b`\n)",
        "Host(\n`a.b`)",
        "Host\n(`a.b`)",
        "Host(`a.b`)\n",
        "(Host(`a.b`)\n)",
        "(\nHost(`a.b`))",
        "!\nHost(`a.b`)",
        "(Host(`a.b`))",
        "(Host(`a.b`)",
    ),
]


async def test_rule_is_refused_exactly_where_traefik_refuses_it(place: Place) -> None:
    routers = {f"rule{n}": {"rule": rule, "service": "x", "entryPoints": ["web"]} for n, rule in enumerate(RULES)}
    services = {"x": {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:1"}]}}}
    staged = place.dynamic.parent / "rules.yml"
    staged.write_text(yaml.safe_dump({"http": {"routers": routers, "services": services}}))
    staged.rename(place.dynamic / "rules.yml")
    await until(lambda: _loaded(place))
    loaded = (await place.client.get(f"http://127.0.0.1:{place.ports.api}/api/http/routers?per_page=1000")).json()
    refused = {router["name"] for router in loaded if router.get("error")}
    theirs = {rule for n, rule in enumerate(RULES) if f"rule{n}@file" in refused}
    assert theirs == {rule for rule in RULES if not _parses(rule)}
    assert 0 < len(theirs) < len(RULES)


async def _loaded(place: Place) -> bool:
    listed = (await place.client.get(f"http://127.0.0.1:{place.ports.api}/api/http/routers?per_page=1000")).json()
    return len([router for router in listed if router["name"].startswith("rule")]) == len(RULES)


def _parses(rule: str) -> bool:
    try:
        parse(rule)
    except RuleInvalid:
        return False
    return True


async def test_health_request_with_its_own_statuses_counts(place: Place, shop: Stack) -> None:
    health = HealthRequest("/broken", statuses=frozenset({404}))
    stack = replace(shop, routed=(replace(shop.routed[0], health=health),))
    await place.flip(stack, Color.BLUE, "r-1")
    (request,) = route_requests(stack, stack.routed[0])
    answer = await place.probe.ask(request)
    assert (answer.status, answer.ok) == (503, False)


async def test_containers_that_speak_http2_without_tls_are_served(place: Place, shop: Stack) -> None:
    """Also asked directly: a request of HTTP/1.1 is answered with 505 there."""
    color, port = "127.0.0.6", free_port()
    service = replace(
        shop.routed[0], port=port, scheme=Scheme.H2C, colors={Color.BLUE: color, Color.GREEN: "127.0.0.7"}
    )
    stack, stop, config = replace(shop, routed=(service,)), asyncio.Event(), Config()
    config.bind, config.accesslog, config.errorlog = [f"{color}:{port}"], None, None
    app = Starlette(routes=[PathRoute("/", only_http2)])
    async with asyncio.TaskGroup() as servers:
        servers.create_task(serve(app, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
        await until(lambda: _well(place, stack, color))
        await place.flip(stack, Color.BLUE, "r-1")
        assert (await place.get("shop.example.org")).status_code == 200
        stop.set()


async def only_http2(request: Request) -> PlainTextResponse:
    version = str(request.scope["http_version"])
    return PlainTextResponse(version, status_code=200 if version == "2" else 505)


async def _well(place: Place, stack: Stack, address: str) -> bool:
    return (await place.probe.ask(direct_request(stack.traefik, stack.routed[0], address))).ok


async def put(place: Place, **routers: dict[str, Any]) -> None:
    """Gives Traefik these routers by another provider than the files, and waits until it has them."""
    plain = {"rule": SHOP, "entryPoints": ["websecure"], "service": "mail", "tls": {}}
    http = {
        "routers": {name: {**plain, **router} for name, router in routers.items()},
        "services": {"mail": {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:1"}]}}},
    }
    api = f"http://127.0.0.1:{place.ports.api}/api"
    (await place.client.put(f"{api}/providers/rest", json={"http": http})).raise_for_status()
    wanted = {f"{name}@rest" for name in routers}

    async def has_them() -> bool:
        return wanted <= set((await place.client.get(f"{api}/rawdata")).json()["routers"])

    await until(has_them)


@pytest.mark.parametrize(
    ("router", "takes"),
    [({"priority": 1000}, True), ({"rule": f"({SHOP})"}, True), ({"priority": 1}, False), ({"tls": None}, False)],
)
async def test_router_of_another_provider_is_refused_if_it_takes_the_requests(
    place: Place, shop: Stack, router: dict[str, Any], takes: bool
) -> None:
    """The check says before the flip what the flip would then show."""
    stack = replace(shop, times=Times(route=1.0 if takes else 60.0))
    await put(place, mail=router)
    ports = replace(World(stack).ports, route=RouteFile(place.dynamic, stack))
    found = await conflicts(stack, ports)
    assert [line.partition(" takes ")[0] for line in found] == ["router mail@rest in Traefik"] * takes
    with pytest.raises(RouteNotConfirmed) if takes else nullcontext():
        await place.flip(stack, Color.BLUE, "r-1")
    assert await conflicts(stack, ports) == found, "the updater's own router is none"


@pytest.mark.parametrize("options", ["strict", "default"])
async def test_required_client_certificate_is_found_before_the_flip(
    place: Place, shop: Stack, tmp_path: Path, options: str
) -> None:
    tls = {} if options == "default" else {"options": options}
    stack = routed_by(shop, replace(SECURE, tls=tls))
    auth: dict[str, Any] = {"caFiles": [str(self_signed(tmp_path))], "clientAuthType": "RequireAndVerifyClientCert"}

    async def flipped_with(kind: str, limit: float) -> list[str]:
        staged = tmp_path / "tls.yml"
        staged.write_text(
            yaml.safe_dump({"tls": {"options": {options: {"clientAuth": {**auth, "clientAuthType": kind}}}}})
        )
        staged.rename(place.dynamic / "tls.yml")
        found = list(certificates_needed(stack, await RouteFile(place.dynamic, stack).files(), {}))
        await place.flip(replace(stack, times=Times(route=limit)), Color.BLUE, f"r-{kind}")
        return found

    assert await flipped_with("VerifyClientCertIfGiven", 60) == []
    with pytest.raises(RouteNotConfirmed) as refused:
        await flipped_with("RequireAndVerifyClientCert", REFUSED.route)
    assert "Traefik requires a client certificate, which the updater does not have" in refused.value.detail
    (line,) = certificates_needed(stack, await RouteFile(place.dynamic, stack).files(), {})
    assert f"tls/options/{options} in tls.yml" in line


@pytest.mark.parametrize(
    ("option", "name"), [("options=strict@file", "strict"), ("options=strict", "strict"), ("", "default")]
)
async def test_required_client_certificate_of_an_entrypoint_is_found(
    place: Place, shop: Stack, tmp_path: Path, option: str, name: str
) -> None:
    """A route without TLS of its own has that of its entrypoint, which no file of the directory names."""
    ports, dynamic = Ports(free_port(), free_port(), free_port()), tmp_path / "other" / "dynamic"
    dynamic.mkdir(parents=True)
    auth = {"caFiles": [str(self_signed(tmp_path))], "clientAuthType": "RequireAndVerifyClientCert"}
    (dynamic / "tls.yml").write_text(yaml.safe_dump({"tls": {"options": {name: {"clientAuth": auth}}}}))
    other = replace(place, ports=ports, dynamic=dynamic)
    stack = replace(other.stack("shop", SHOP_COLORS, shop.routed[0].port, replace(SECURE, tls=None)), times=REFUSED)
    point = f"--entrypoints.websecure.http.tls{option and f'.{option}'}"
    with running(traefik(ports, dynamic, point), {}, tmp_path / "other.log"):
        await until(once_up(lambda: _answers(other)))
        world = replace(World(stack).ports, route=RouteFile(dynamic, stack))
        (line,) = [each for each in await problems(stack, world, world.room()) if "client certificate" in each]
        with pytest.raises(RouteNotConfirmed, match="Traefik requires a client certificate"):
            await other.flip(stack, Color.BLUE, "r-1")
    assert f"tls/options/{name} in tls.yml, the TLS options of entrypoint websecure." in line
