"""The production stack, installed with docs/install.md, and releases that its own updater rolls out.

The tests of this file share one host and run in the order in which an operator would do these things.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from docker.errors import ContainerError

from app.domain.long_lines import LINE_BYTES
from app.domain.stack import Color
from app.web.server.connection import CLOSE_SECONDS, WRITE_SECONDS
from deploy.demo.docker.engine import Engine
from deploy.demo.docker.registry import registry
from deploy.demo.load import Load
from deploy.demo.repository import Variant
from tests.acceptance.host.images import GIT_BASE
from tests.acceptance.host.shell import UPDATER_IMAGE
from tests.acceptance.production.scan import (
    answers,
    cold_start,
    has_socket,
    listens,
    memory,
    published,
    reached,
    readable,
    root_processes,
)
from tests.acceptance.production.signed import SIGNED, UNSIGNED, signed_repository
from tests.acceptance.production.site import (
    CANARIES,
    PROXY,
    SERVICE_USER,
    SKILLS_USER,
    TRAEFIK,
    TUNNEL,
    WEB,
    WORKER,
    Site,
    installed,
)
from tests.integration.waiting import until
from tests.integration.web.deliveries import raw
from tests.integration.web.server.sockets import HTTP2_PREFACE, MANY_REQUESTS, never_reading, still_open
from workers.adapters.docker_host.compose.program import find_compose

pytestmark = pytest.mark.engine

LONG = 400.0
MIB = 1024**2
LATE = 40.0
"""Between containers the kernel takes so much that web answers most of the requests before it has to wait."""

MOST_WEB, MOST_WORKER = 128, 192
"""The memory limit at rest after the rollouts, in MiB."""

UP = {WEB: "web", WORKER: "worker"}

PULLS = """
import subprocess, sys, docker
image = sys.argv[1]
compose = ["docker-compose", "--file", "-", "--project-name", "zu-test-pull", "pull", "--quiet", "app"]
subprocess.run(compose, input=f"services: {{app: {{image: '{image}'}}}}", text=True, check=True, capture_output=True)
client = docker.from_env()
client.images.get(image)
print(client.api.inspect_distribution(image)["Descriptor"]["digest"])
client.images.remove(image)
print(image)
"""
"""What the worker asks the engine of an image that it pulls: see release_images.py, registries.py and prune.py."""

MOST_OF_OUR_OWN = 220
"""The size of the image without its base, in MiB: the Python packages, Docker Compose, the code."""

RELEASES = {"v1.0.0": Variant.GOOD, "v1.1.0": Variant.GOOD, "v1.2.0": Variant.BOT_FAILS}
INFRASTRUCTURE = {WEB, WORKER, TRAEFIK, PROXY, TUNNEL, "redis", "postgres", "qdrant", "ollama", "ollama-router"}
BLUE = {"zetherion-ai-skills-blue", "zetherion-ai-api-blue"}
GREEN = {"zetherion-ai-skills-green", "zetherion-ai-api-green"}
BOT = "zetherion-ai-bot"


async def idle(site: Site) -> bool:
    return bool((await site.get("/status"))["state"] == "idle")


def say(text: str) -> None:
    print(f"[set-up] {text}", file=sys.stderr, flush=True)


@pytest.fixture(scope="module")
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A host after sections 1 to 5 of the page, with no live release."""
    with installed(tmp_path_factory.mktemp("site"), engine, say, RELEASES, flooding={"v1.1.0"}) as site:
        yield site


def test_infrastructure_is_healthy_before_releases(site: Site) -> None:
    running = site.running()
    assert set(running) == INFRASTRUCTURE
    assert {c.health for c in running.values()} == {"healthy"}
    assert "a stand-in for" in site.container("qdrant").logs().decode()


async def test_first_release_recreates_nothing(site: Site) -> None:
    result = await site.ended((await site.announce("v1.0.0"))["rollout_id"], LONG)
    assert (result["status"], result["active_color"]) == ("success", "blue"), result["error"]
    assert result["evidence"]["restart_bot"]["own_check"] == "starting", "the worker ran it through the socket proxy"
    before = {service: c.id for service, c in site.running().items()}
    assert set(before) == INFRASTRUCTURE | BLUE | {BOT}
    output = site.follow("8.")
    assert "a plain `docker compose up` would run the live release" in output
    assert {service: c.id for service, c in site.running().items()} == before


async def test_webhook_release_fails_no_request(site: Site) -> None:
    async with Load(list(site.routes.values()), rps=40, slow_seconds=3) as load:
        result = await site.ended((await site.announce("v1.1.0"))["rollout_id"], LONG)
        report = await load.stop()
    assert (result["status"], result["active_color"]) == ("success", "green"), result["error"]
    assert report.failed == 0, report.failures
    assert {"v1.0.0", "v1.1.0"} <= set(report.versions)
    assert set(site.running()) == INFRASTRUCTURE | GREEN | {BOT}
    assert (await site.sessions())["max"] == 1


async def test_long_build_output_is_bounded(site: Site) -> None:
    """The build of v1.1.0 printed lines of 100 kB."""
    lines = [line for log in (site.data / "logs").glob("*.log") for line in log.read_text().splitlines()]
    cut = [line for line in lines if "[cut: the line had 100" in line]
    assert cut
    assert max(len(line.encode()) for line in lines) < 2 * LINE_BYTES
    checks = {check["name"]: check for check in (await site.get("/doctor"))["checks"]}
    assert {name: checks[name]["status"] for name in ("redis_memory", "disk_use")} == dict.fromkeys(
        ("redis_memory", "disk_use"), "ok"
    )


async def test_web_ends_clients_that_never_read(site: Site) -> None:
    assert await raw(site.public_url, HTTP2_PREFACE) == HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
    web = int(site.container(WEB).attrs["State"]["Pid"])
    with contextlib.ExitStack() as clients:
        for _ in range(5):
            clients.enter_context(never_reading(site.public_url, MANY_REQUESTS))
        await until(lambda: still_open(site.public_url, web) == 5)
        await until(lambda: still_open(site.public_url, web) == 0, WRITE_SECONDS + CLOSE_SECONDS + LATE)
    assert (await site.get("/health"))["status"]


async def test_compose_up_keeps_containers_and_routes(site: Site) -> None:
    before = {c.id: c.attrs["State"]["StartedAt"] for c in site.running().values()}
    route = site.inside(WORKER, "cat", f"/routes/dynamic/updater-{site.project}.yml")
    async with Load(list(site.routes.values()), rps=40, slow_seconds=1) as load:
        site.type("docker compose up --detach")
        report = await load.stop()
    assert {c.id: c.attrs["State"]["StartedAt"] for c in site.running().values()} == before
    assert site.inside(WORKER, "cat", f"/routes/dynamic/updater-{site.project}.yml") == route
    assert report.failed == 0, report.failures


async def test_skills_apply_of_a_bad_release_rolls_back(site: Site) -> None:
    """The answer to the call has the reason. Skills runs as another user than web, which makes the secret's file."""
    skills = site.skills(Color.GREEN)
    async with Load(list(site.routes.values()), rps=40, slow_seconds=3) as load:
        shown = await asyncio.to_thread(skills.outcome, "apply", "v1.2.0")
        report = await load.stop()
    assert (shown.status, shown.code, shown.previous_sha) == ("rolled_back", 500, site.shas["v1.1.0"]), shown
    assert shown.error
    assert "restart_bot" in shown.error
    assert report.failed == 0, report.failures
    assert set(site.running()) == INFRASTRUCTURE | GREEN | {BOT}
    assert (await site.sessions())["max"] == 1
    await until(lambda: idle(site))
    status = await asyncio.to_thread(skills.call, "status")
    assert (status["paused"], status["state"], status["current"]["tag"]) == (True, "idle", "v1.1.0")
    assert status["last_result"]["reason_code"] == "singleton_never_ready"


async def test_skills_rolls_back_and_applies_again(site: Site) -> None:
    """Each rollout stops the container that asked for it, and the new one finds the result."""
    green = site.skills(Color.GREEN)
    async with Load(list(site.routes.values()), rps=40, slow_seconds=3) as load:
        assert await asyncio.to_thread(green.call, "unpause") is True
        assert (await asyncio.to_thread(green.call, "status"))["paused"] is False
        await asyncio.to_thread(green.cut_off, "rollback", site.shas["v1.0.0"])
        await until(lambda: idle(site), LONG)
        blue = site.skills(Color.BLUE)
        back = await asyncio.to_thread(blue.call, "status")
        assert await asyncio.to_thread(blue.call, "unpause") is True
        await asyncio.to_thread(blue.cut_off, "apply", "v1.1.0")
        await until(lambda: idle(site), LONG)
        status = await asyncio.to_thread(green.call, "status")
        again = await asyncio.to_thread(green.outcome, "apply", "v1.1.0")
        report = await load.stop()
    found = [(s["last_result"]["status"], s["last_result"]["new_sha"], s["paused"]) for s in (back, status)]
    assert found == [("success", site.shas["v1.0.0"], True), ("success", site.shas["v1.1.0"], False)]
    assert (again.status, again.code, again.new_sha) == ("success", 200, site.shas["v1.1.0"])
    assert report.failed == 0, report.failures
    assert set(site.running()) == INFRASTRUCTURE | GREEN | {BOT}
    assert (await site.sessions())["max"] == 1


def test_no_process_that_listens_runs_as_root(site: Site) -> None:
    listening = {service: c for service, c in site.running().items() if listens(c)}
    assert set(listening) >= INFRASTRUCTURE - {WORKER}
    assert {service: found for service, c in listening.items() if (found := root_processes(c))} == {}


def test_only_worker_reaches_engine_through_proxy(site: Site) -> None:
    running = site.running()
    assert [service for service, c in running.items() if has_socket(c)] == [PROXY]
    members = {service for service, c in running.items() if f"{site.project}_engine" in _networks(c)}
    assert members == {PROXY, WORKER}
    proxy = [(PROXY, 2375), (site.stack.address(PROXY, f"{site.project}_engine"), 2375)]
    assert reached(site, WORKER, proxy) == {name for name, _ in proxy}
    assert {service: reached(site, service, proxy) for service in (WEB, "zetherion-ai-skills-green", BOT)} == {
        service: set() for service in (WEB, "zetherion-ai-skills-green", BOT)
    }


def test_proxy_blocks_unneeded_engine_calls(site: Site) -> None:
    web = site.container(WEB).id
    refused = [
        ("POST", f"/v1.41/containers/{web}/attach?stream=1"),
        ("POST", f"/v1.41/exec/{'a' * 64}/resize"),
        ("GET", f"/v1.41/containers/{web}/exec"),
        ("DELETE", f"/v1.41/exec/{'a' * 64}"),
        ("GET", f"/v1.41/containers/{web}/archive?path=/app/data"),
        ("GET", f"/v1.41/containers/{web}/export"),
        ("POST", "/v1.41/commit"),
        ("POST", "/v1.41/build"),
        ("POST", "/v1.41/images/load"),
        ("GET", "/v1.41/secrets"),
        ("POST", "/v1.41/swarm/init"),
        ("POST", "/v1.41/plugins/pull"),
        ("POST", "/v1.41/volumes/prune"),
        ("DELETE", f"/v1.41/volumes/{site.project}_postgres"),
        ("GET", f"/v1.41/containers/x/../{web}/export"),
        ("GET", f"/v1.41/containers/{web}%2fexport"),
    ]
    assert answers(site, WORKER, PROXY, 2375, refused) == [403] * len(refused)
    # Exec calls are allowed for health checks. They add no power: a client that may create containers can already mount
    # the host, or join another container's namespaces, and run any command as root. The engine itself answers here.
    runs = [("POST", "containers/none/exec"), ("POST", f"exec/{'a' * 64}/start"), ("GET", f"exec/{'a' * 64}/json")]
    assert 403 not in answers(site, WORKER, PROXY, 2375, [(method, f"/v1.41/{path}") for method, path in runs])
    assert answers(site, WORKER, PROXY, 2375, [("PUT", "/v1.41/containers/none/archive?path=/")]) != [403]
    allowed = [("GET", "/_ping"), ("GET", "/v1.41/version"), ("GET", f"/v1.41/containers/{web}/json")]
    assert answers(site, WORKER, PROXY, 2375, allowed) == [200] * len(allowed)


def test_only_web_and_worker_reach_the_ledger(site: Site) -> None:
    redis = [("redis", 6379)]
    found = {service for service in (WEB, WORKER, "zetherion-ai-skills-green", BOT) if reached(site, service, redis)}
    assert found == {WEB, WORKER}


def test_only_two_loopback_ports_are_published(site: Site) -> None:
    found = {service: published(c) for service, c in site.running().items() if published(c)}
    assert set(found) == {"qdrant", "ollama"}
    assert all(address.startswith("127.0.0.1:") for addresses in found.values() for address in addresses)


def test_no_secret_leaks_into_images_or_logs(site: Site) -> None:
    made = {name: site.secret_file(name) for name in ("github-webhook-secret", "postgres-password")}
    secrets = {**CANARIES, **made, "updater": site.secret}
    seen = list(readable(site))
    assert len([where for where, _ in seen if where.startswith("the history")]) >= 2
    inspected = {where.removeprefix("docker inspect ") for where, _ in seen if where.startswith("docker inspect")}
    assert {c.name for c in site.running().values()} < inspected, "all running containers, and the stopped color"
    assert [(name, where) for where, text in seen for name, secret in secrets.items() if secret in text] == []


def test_services_read_secrets_and_open_postgres(site: Site) -> None:
    assert site.inside(BOT, "cat", "/run/secrets/discord-token").strip() == CANARIES["DISCORD_TOKEN"]
    (url,) = {site.inside(service, "cat", "/run/secrets/database-url").strip() for service in GREEN}
    assert site.inside("postgres", "psql", url, "-tAc", "SELECT current_database()").strip() == "zetherion"
    without = url.replace(site.secret_file("postgres-password"), "another")
    with pytest.raises(AssertionError, match="password authentication failed"):
        site.inside("postgres", "psql", without, "-tAc", "SELECT 1")


def test_services_read_a_config_without_a_file(site: Site) -> None:
    """It is copied into the containers through the socket proxy."""
    assert {site.inside(service, "cat", "/site").strip() for service in (BOT, *GREEN)} == {f"of {site.project}"}


def test_skills_of_another_user_read_the_secret(site: Site) -> None:
    skills = "zetherion-ai-skills-green"
    assert site.inside(skills, "id", "-u").strip() == str(SKILLS_USER)
    assert site.inside(skills, "cat", "/run/updater/.updater-secret").strip() == site.secret
    file = site.inside(WEB, "stat", "--format", "%a %u %g", "/app/data/.updater-secret").split()
    assert file == ["640", str(SERVICE_USER), str(SERVICE_USER)]


def test_image_verifies_signed_tags(site: Site, tmp_path: Path) -> None:
    """With the image's user, git and ssh-keygen, as the worker does."""
    repository = signed_repository(tmp_path)
    assert repository.fetched(site, SIGNED) == repository.head
    with pytest.raises(ContainerError, match="has no signature"):
        repository.fetched(site, UNSIGNED)


def test_images_compose_keeps_the_exit_code(site: Site) -> None:
    done = site.container(WORKER).exec_run(["docker-compose", "--file", "/dev/null/compose.yml", "config"])
    assert (done.exit_code != 0, b"/dev/null/" in bytes(done.output)) == (True, True), done  # type: ignore[arg-type]
    tested = subprocess.run([*find_compose(), "version", "--short"], capture_output=True, text=True, check=True).stdout
    assert site.inside(WORKER, "docker-compose", "version", "--short") == tested


def test_images_are_pulled_through_the_socket_proxy(site: Site, tmp_path: Path) -> None:
    with registry(tmp_path / "registry", say) as hub:
        digest = hub.push(site.client, "team/app:1", "FROM scratch\nCOPY one /\n")
        by_digest = f"{hub.host}/team/app:1@{digest}"
        assert site.inside(WORKER, "python", "-c", PULLS, by_digest).split() == [digest, by_digest]


def test_updater_stays_within_size_limits(site: Site) -> None:
    used = {service: memory(site.container(service)) / MIB for service in (WEB, WORKER, PROXY)}
    image = site.client.images.get(UPDATER_IMAGE).attrs["Size"] / MIB
    cold = {service: cold_start(site.container(service), f"{name} is up") for service, name in UP.items()}
    print(f"seconds from the container's start to its first ready log line: {cold}")
    print(f"memory in MiB: {used}; the image: {image:.0f} MiB, of which the base is {_size(site, GIT_BASE):.0f}")
    assert all(0 < seconds < LONG for seconds in cold.values())
    assert used[WEB] < MOST_WEB
    assert used[WORKER] < MOST_WORKER
    assert image - _size(site, GIT_BASE) < MOST_OF_OUR_OWN


def test_down_leaves_no_container_and_no_network(site: Site) -> None:
    site.end_gateway()
    site.type("docker compose --profile '*' down --timeout 20")
    assert site.all_containers() == []
    networks = site.client.networks.list(filters={"label": f"com.docker.compose.project={site.project}"})
    assert networks == []


def _size(site: Site, image: str) -> float:
    return float(site.client.images.get(image).attrs["Size"]) / MIB


def _networks(container: object) -> set[str]:
    return set(container.attrs["NetworkSettings"]["Networks"])  # type: ignore[attr-defined]
