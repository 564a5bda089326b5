"""Routes as people have them, on the whole stack and under load: through releases, rollbacks and a lost route file."""

import asyncio
import importlib
import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deploy.demo.client_access import SECURE_SKILLS, ClientAccess, hosts_of_stack
from deploy.demo.clients import plain_client
from deploy.demo.docker.engine import Engine
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.http1 import HttpClient, Target
from deploy.demo.load import Load, Report
from deploy.demo.repository import Variant
from tests.acceptance.conftest import SHORT
from tests.acceptance.routes import h2c
from tests.integration.waiting import until

pytestmark = pytest.mark.engine

AUTH = {"http": {"middlewares": {"auth": {"basicAuth": {"users": ["ada:{SHA}xkAzZy9cqYTf6WKQlnGWHoAS8MU="]}}}}}
"""The SHA-1 of `engine`, as `htpasswd -s` writes it."""
PASSWORD = {"Authorization": "Basic YWRhOmVuZ2luZQ=="}

LOCKED = {
    "api": ClientAccess(
        {
            "entrypoint": None,
            "routes": [
                {"entrypoint": "api", "rule": "Host(`api.demo.example`)", "tls": True, "middlewares": ["auth@file"]},
                {"entrypoint": "api", "rule": "Host(`open.demo.example`) && PathPrefix(`/`)", "tls": True},
            ],
        },
        "api",
        secure=True,
        host="api.demo.example",
        headers=PASSWORD,
        more_hosts=("open.demo.example",),
    )
}
"""Two routes of one service; one of them asks for a password."""

ONE_ENTRYPOINT = {
    "skills": ClientAccess(
        {"rule": "Host(`skills.demo.example`)", "sticky": {"cookie": {"name": "demo"}}},
        "skills",
        host="skills.demo.example",
    ),
    "api": ClientAccess(
        {"entrypoint": "skills", "rule": "Host(`api.demo.example`)", "scheme": "h2c"},
        "skills",
        host="api.demo.example",
        websocket=False,
    ),
}
"""Two host names on one entrypoint, by plain HTTP. Skills has sticky sessions; the API speaks HTTP/2 without TLS."""

PURE_PYTHON = ("hypercorn", "h11", "h2", "hpack", "hyperframe", "priority", "wsproto")
RPS = 30.0
SLOW_SECONDS = 2.0
PACE_SECONDS = 0.05
LIMIT = 300.0


@pytest.fixture
def shaped(
    request: pytest.FixtureRequest, engine: Engine, images: tuple[str, str], tmp_path: Path
) -> Iterator[Environment]:
    """An environment with the client access in the test's parameter."""
    with _environment(engine, images, tmp_path / "one", request.param) as home:
        yield home


@pytest.fixture
def two_stacks(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[tuple[Environment, Environment]]:
    """Two stacks behind one Traefik, in one network and one directory of routes."""
    with ExitStack() as stack:
        one = stack.enter_context(_environment(engine, images, tmp_path / "one", hosts_of_stack("one")))
        two = stack.enter_context(_environment(engine, images, tmp_path / "two", hosts_of_stack("two"), behind=one))
        yield one, two


def _environment(
    engine: Engine, images: tuple[str, str], directory: Path, access: dict[str, ClientAccess], **more: Any
) -> Any:
    base, traefik = images
    return environment(
        directory, engine, base=base, traefik=traefik, times=SHORT, access=access, prepare=_with_a_password, **more
    )


def _with_a_password(home: Environment) -> None:
    (home.dynamic / "auth.yml").write_text(yaml.safe_dump(AUTH))


@asynccontextmanager
async def statuses(target: Target) -> AsyncIterator[Counter[int]]:
    """Asks `target` all the time, and counts the statuses of its answers."""
    seen, stopping, client = Counter[int](), asyncio.Event(), HttpClient(target, LIMIT)

    async def ask() -> None:
        while not stopping.is_set():
            seen[(await client.send("GET", "/version"))[0]] += 1
            await asyncio.sleep(PACE_SECONDS)

    asking = asyncio.create_task(ask())
    try:
        yield seen
    finally:
        stopping.set()
        await asking
        await client.close()


async def answer(target: Target) -> dict[str, Any]:
    client = HttpClient(target, LIMIT)
    try:
        found: dict[str, Any] = json.loads((await client.send("GET", "/version"))[1])
    finally:
        await client.close()
    return found


async def answers(version: str, *targets: Target) -> bool:
    return {(await answer(target))["version"] for target in targets} == {version}


def no_failure(home: Environment, report: Report) -> None:
    assert report.failed == 0, f"{report.failures}\n{logs_of(home)}"


@pytest.mark.parametrize("shaped", [SECURE_SKILLS | LOCKED], indirect=True, ids=["secure"])
async def test_secure_stack_of_strict_services(shaped: Environment) -> None:
    """TLS with Traefik's default certificate, a redirect from plain HTTP, a password, and two routes of one service."""
    home, locked = shaped, Target(shaped.targets["api"].url, "api.demo.example")
    _, _, second = home.all_targets
    assert (await home.go_live("v1.0.0"))["status"] == "success"
    await _is_strict(home)
    async with statuses(locked) as without_password:
        async with (
            Load(home.targets.values(), RPS, slow_seconds=SLOW_SECONDS) as load,
            Load([second], RPS / 2, slow_seconds=SLOW_SECONDS) as of_second,
        ):
            assert (await home.go_live("v1.1.0"))["status"] == "success"
            assert (await home.go_live("v1.2.0", Variant.BOT_FAILS))["status"] == "rolled_back"
            assert await answers("v1.1.0", *home.all_targets)
            back = (await home.post("/update/rollback")).json()["rollout_id"]
            assert (await home.ended(back, LIMIT))["status"] == "success"
            assert await answers("v1.0.0", *home.all_targets)
        for report in (load.report, of_second.report):
            no_failure(home, report)
            assert set(report.versions) == {"v1.0.0", "v1.1.0", "v1.2.0"}
        assert set(without_password) == {401}
        before = home.route_file.read_bytes()
        with suspended(home.processes["worker"]):  # it would write the file again before a slow client asks
            home.route_file.unlink()
            await until(lambda: without_password[404] > 0)
        await until(lambda: home.route_file.exists() and home.route_file.read_bytes() == before)
        again = without_password[401]
        await until(lambda: without_password[401] > again)
    assert set(without_password) == {401, 404}, "never open"


@contextmanager
def suspended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


async def _is_strict(home: Environment) -> None:
    """Checks the sample service, and the redirect: otherwise the test would show nothing."""
    (container,) = home.containers("skills-blue", running_only=True)
    (network,) = container["NetworkSettings"]["Networks"].values()
    direct = f"http://{network['IPAddress']}:8080/version"
    async with plain_client(timeout=LIMIT) as client:
        foreign = await client.get(direct)
        plain = await client.get(direct, headers={"Host": "skills.demo.example"})
        redirected = await client.get(f"{home.web_url}/version", headers={"Host": "skills.demo.example"})
    assert (foreign.status_code, plain.status_code) == (400, 301)
    assert redirected.is_redirect
    assert redirected.headers["Location"].startswith("https://skills.demo.example")


def speaks_h2c(tree: Path) -> None:
    """The release's API is the one in `h2c`, with the packages that it needs."""
    shutil.copy(Path(h2c.__file__).with_name("app.py"), tree / "api" / "app.py")
    for name in PURE_PYTHON:
        found = Path(str(importlib.import_module(name).__file__)).parent
        shutil.copytree(found, tree / "api" / "lib" / name, ignore=shutil.ignore_patterns("__pycache__"))
    file = tree / "api" / "Dockerfile"
    text = file.read_text()
    copied = "COPY api/lib /srv/\nCOPY common/"
    assert "COPY common/" in text
    file.write_text(text.replace("COPY common/", copied, 1))


@pytest.mark.parametrize("shaped", [ONE_ENTRYPOINT], indirect=True, ids=["one-entrypoint"])
async def test_two_hosts_on_one_entrypoint_with_sticky_sessions_and_h2c(shaped: Environment) -> None:
    home, (skills, api) = shaped, shaped.targets.values()
    assert (await home.go_live("v1.0.0", edit=speaks_h2c))["status"] == "success"
    assert ((await answer(api))["http"], (await answer(api))["service"]) == ("2", "api")
    async with plain_client(timeout=LIMIT) as client:
        first = await client.get(f"{skills.url}/version", headers={"Host": "skills.demo.example"})
        unknown = await client.get(f"{skills.url}/version", headers={"Host": "other.demo.example"})
    assert unknown.status_code == httpx.codes.NOT_FOUND
    sticky = Target(skills.url, skills.host, {"Cookie": f"demo={first.cookies['demo']}"})
    async with Load([skills, sticky, api], RPS, slow_seconds=SLOW_SECONDS) as load:
        assert (await home.go_live("v1.1.0", edit=speaks_h2c))["status"] == "success"
        assert await answers("v1.1.0", skills, sticky, api)
        assert (await home.post("/update/rollback")).is_success
        await until(lambda: answers("v1.0.0", skills, sticky, api), LIMIT)
    no_failure(home, load.report)


async def test_two_stacks_roll_out_at_once_behind_one_traefik(two_stacks: tuple[Environment, Environment]) -> None:
    """Services of the same names, in one network: each client is always served by its own stack."""
    one, two = two_stacks
    first = await asyncio.gather(one.go_live("v1.0.0"), two.go_live("v2.0.0"))
    assert [each["status"] for each in first] == ["success"] * 2
    async with (
        Load(one.targets.values(), RPS / 2, slow_seconds=SLOW_SECONDS) as ones,
        Load(two.targets.values(), RPS / 2, slow_seconds=SLOW_SECONDS) as twos,
    ):
        second = await asyncio.gather(one.go_live("v1.1.0"), two.go_live("v2.1.0"))
        third = await asyncio.gather(one.go_live("v1.2.0", Variant.BOT_FAILS), two.go_live("v2.2.0"))
    assert [each["status"] for each in (*second, *third)] == ["success", "success", "rolled_back", "success"]
    no_failure(one, ones.report)
    no_failure(two, twos.report)
    assert set(ones.report.versions) == {"v1.0.0", "v1.1.0", "v1.2.0"}
    assert set(twos.report.versions) == {"v2.0.0", "v2.1.0", "v2.2.0"}
