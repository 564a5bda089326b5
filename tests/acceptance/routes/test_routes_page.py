"""Plays the stack files of docs/routes.md: two releases and a rollback for each, with clients on each of its routes.

Only what the machine needs differs from the page. The project, repository, source and directory are the sample stack's.
The entrypoints are ports on this machine. Each service of the page is one of the sample stack, with its containers, its
port and its health path. The time limits are short. Everything else is played as it is written.

The page's Traefik has an ACME account at an authority that does not exist: it serves its default certificate for the
resolver `letsencrypt`. `auth@file` asks for a password, and removes the path prefix that the sample services lack.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.client_access import PLAIN
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.environment import Environment, compose_up, environment, logs_of, stack_file
from deploy.demo.http1 import HttpClient, Target
from deploy.demo.load import Load
from deploy.demo.processes import free_port
from tests.acceptance.conftest import SHORT
from tests.integration.waiting import until
from tests.routes_page import SHOWN

pytestmark = pytest.mark.engine

LISTENS = {"web": 80, "websecure": 443, "inner": 8000}
API_PORT = 8080
"""The entrypoints of the page's Traefik, and its API."""

PLAYS = {"web": "skills", "api": "api", "admin": "skills"}
"""The sample service in the place of each service of the page."""

AUTH = {
    "auth": {"chain": {"middlewares": ["password", "short"]}},
    "password": {"basicAuth": {"users": ["ada:{SHA}xkAzZy9cqYTf6WKQlnGWHoAS8MU="], "removeHeader": True}},
    "short": {"stripPrefix": {"prefixes": ["/admin"]}},
    "compress": {"compress": {}},
}
"""The SHA-1 of `engine`, as `htpasswd -s` writes it."""
PASSWORD = {"Authorization": "Basic YWRhOmVuZ2luZQ=="}

ACME = (
    "--certificatesresolvers.letsencrypt.acme.email=ops@example.org",
    "--certificatesresolvers.letsencrypt.acme.storage=/tmp/acme.json",
    "--certificatesresolvers.letsencrypt.acme.caserver=https://127.0.0.1:9/directory",
    "--certificatesresolvers.letsencrypt.acme.tlschallenge=true",
)

CALLER = """
import json, time, urllib.request
while True:
    try:
        with urllib.request.urlopen("http://web:8000/version", timeout=10) as answer:
            print(json.load(answer)["version"], flush=True)
    except Exception as error:
        print(f"failed: {error!r}", flush=True)
    time.sleep(0.05)
"""
RPS, SLOW_SECONDS, LIMIT = 30.0, 1.0, 300.0


@pytest.fixture(scope="module")
def behind(engine: Engine, images: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment whose Traefik is the page's; each stack file is played behind it."""
    base, traefik = images
    place = tmp_path_factory.mktemp("page") / "behind"
    with environment(place, engine, base=base, traefik=traefik, prepare=_as_on_the_page) as home:
        yield home


def _as_on_the_page(home: Environment) -> None:
    """Gives Traefik the entrypoints of the page and the name `web`, and adds a container that calls this name."""
    file = home.live / "docker-compose.yml"
    content = yaml.safe_load(file.read_text())
    traefik = content["services"]["traefik"]
    kept = [option for option in traefik["command"] if not option.startswith(("--entrypoints", "--metrics"))]
    points = [f"--entrypoints.{name}.address=:{port}" for name, port in LISTENS.items()]
    home.routes.update({name: f"http://127.0.0.1:{free_port()}" for name in (*LISTENS, "traefik")})
    published = {**LISTENS, "traefik": API_PORT}
    traefik["command"] = [*kept, *points, "--api.insecure=true", *ACME]
    traefik["ports"] = [f"127.0.0.1:{home.routes[n].rpartition(':')[2]}:{port}" for n, port in published.items()]
    traefik["networks"] = {"default": {"aliases": ["web"]}}
    content["services"]["caller"] = {"image": "${DEMO_BASE_IMAGE}", "command": ["python3", "-IS", "-c", CALLER]}
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    (home.dynamic / "auth.yml").write_text(yaml.safe_dump({"http": {"middlewares": AUTH}}))
    compose_up(home, "traefik")


@pytest.fixture
def played(
    request: pytest.FixtureRequest, behind: Environment, images: tuple[str, str], tmp_path: Path
) -> Iterator[Environment]:
    """An environment with the page's stack file under that title."""
    base, traefik = images
    shared: Any = {"base": base, "traefik": traefik, "behind": behind, "times": SHORT}
    with environment(tmp_path / "played", behind.engine, **shared, prepare=_with(SHOWN[request.param])) as home:
        yield home
    home.route_file.unlink()  # the next stack file has the same host names; a running worker would write it again


def _with(text: str) -> Callable[[Environment], None]:
    def prepare(home: Environment) -> None:
        (home.directory / "stack.yml").write_text(yaml.safe_dump(_on_this_machine(home, text), sort_keys=False))

    return prepare


def _on_this_machine(home: Environment, text: str) -> dict[str, Any]:
    page, sample = yaml.safe_load(text), stack_file(home, SHORT)
    traefik = page["traefik"]
    urls = {
        name: f"{url.partition(':')[0]}:{home.routes[name].partition(':')[2]}"
        for name, url in traefik["entrypoints"].items()
    }
    api = {"api": home.routes["traefik"]} if "api" in traefik else {}
    return {
        **page,
        **{key: sample[key] for key in ("project", "repository", "source", "directory", "times", "checks", "needs")},
        "traefik": {**traefik, "entrypoints": urls, **api},
        "routed": {name: _sample_service(name, keys) for name, keys in page["routed"].items()},
    }


def _sample_service(name: str, keys: dict[str, Any]) -> dict[str, Any]:
    sample, health = PLAIN[PLAYS[name]], keys["health"]
    own = {key: sample[key] for key in ("blue", "green", "port")}
    path: str = sample["health"]
    return {**keys, **own, "health": path if isinstance(health, str) else {**health, "path": path}}


def clients(home: Environment) -> list[Target]:
    """A client for each host of each route in the stack file."""
    stack = yaml.safe_load((home.directory / "stack.yml").read_text())
    routes = [route for service in stack["routed"].values() for route in service.get("routes", [service])]
    return [target for route in routes for target in _clients_of(route, stack["traefik"]["entrypoints"])]


def _clients_of(route: dict[str, Any], urls: dict[str, str]) -> list[Target]:
    prefix = "".join(re.findall(r"PathPrefix\(`(.+?)`\)", route["rule"]))
    headers = PASSWORD if "auth@file" in route.get("middlewares", ()) else {}
    hosts = re.findall(r"Host\(`(.+?)`\)", route["rule"])
    return [Target(urls[route["entrypoint"]], host, headers, prefix=prefix) for host in hosts]


async def serve(version: str, targets: list[Target]) -> bool:
    found = set()
    for target in targets:
        client = HttpClient(target, LIMIT)
        status, body = await client.send("GET", "/version")
        found.add(json.loads(body)["version"] if status == 200 else status)
        await client.close()
    return found == {version}


async def two_releases_and_a_rollback(home: Environment, routes: int) -> None:
    """With clients on each of that many routes, none of whose requests may fail."""
    targets = clients(home)
    assert len(targets) == routes
    async with Load(targets, RPS, slow_seconds=SLOW_SECONDS) as load:
        assert (await home.go_live("v1.1.0"))["status"] == "success", logs_of(home)
        assert await serve("v1.1.0", targets)
        assert (await home.post("/update/rollback")).is_success
        await until(lambda: serve("v1.0.0", targets), LIMIT)
    assert load.report.failed == 0, f"{load.report.failures}\n{logs_of(home)}"
    assert set(load.report.versions) == {"v1.0.0", "v1.1.0"}
    print(f"{load.report.requests} requests, {load.report.failed} failed")


INNER = "Several routes of one service, and a name for other containers"
CLIENTS = {
    "One host name, plain HTTP": 1,
    "Two host names on one entrypoint": 3,
    "TLS, with a redirect from plain HTTP": 1,
    "A password or another middleware": 1,
    INNER: 3,
}
"""How many clients each stack file of the page needs."""


@pytest.mark.parametrize("played", [title for title in SHOWN if title != INNER], indirect=True)
async def test_stack_file_of_the_page_moves_every_client(played: Environment, request: pytest.FixtureRequest) -> None:
    assert (await played.go_live("v1.0.0"))["status"] == "success", logs_of(played)
    await two_releases_and_a_rollback(played, CLIENTS[request.node.callspec.params["played"]])


@pytest.mark.parametrize("played", [INNER], indirect=True)
async def test_containers_that_call_the_name_follow_the_color(played: Environment, behind: Environment) -> None:
    """A container asks for `web`, which is an alias of Traefik's container, all the time."""
    assert (await played.go_live("v1.0.0"))["status"] == "success", logs_of(played)
    compose_up(behind, "caller")
    await until(lambda: said(behind)[:1] == ["v1.0.0"], LIMIT)
    await two_releases_and_a_rollback(played, CLIENTS[INNER])
    seen = len(said(behind))
    await until(lambda: len(said(behind)) > seen + 1)
    answers = said(behind)
    in_order = [now for before, now in zip(["", *answers], answers, strict=False) if now != before]
    assert in_order == ["v1.0.0", "v1.1.0", "v1.0.0"], "no call failed, and none came too late"
    print(f"{len(answers)} calls from inside")


def said(behind: Environment) -> list[str]:
    """What the calling container printed: one line for each call."""
    (caller,) = behind.containers("caller")
    with connected(behind.engine.host) as client:
        lines: list[str] = client.containers.get(caller["Id"]).logs().decode().splitlines()
    return lines
