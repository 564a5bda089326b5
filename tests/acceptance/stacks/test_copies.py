"""Three copies of a routed service, under load: through good and bad releases, a stopped copy and a rollback."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain.stack import Color
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.environment import Environment, Json, compose_up, environment, logs_of
from deploy.demo.http1 import HttpClient
from deploy.demo.load import Load
from deploy.demo.repository import replace_in
from tests.acceptance.conftest import SHORT
from tests.acceptance.test_operator import until_step
from tests.integration.waiting import until

pytestmark = pytest.mark.engine

COPIES = 3
RPS = 40.0
SLOW_SECONDS = 1.0
BAKE_SECONDS = 8
LIMIT = 300.0
SHOWN = 12

ABOUT = '{"service": self.name, "version": self.version, "color": self.color, **more}'
WITH_COPY = ABOUT.replace("**more", '"copy": socket.gethostname(), **more')
HEALTHY = 'return (200, self.about(status="ok")) if self.healthy()'
SECOND = """
def second_copy():
    \"\"\"Whether this is the second container of its service: the environment has that one's name.\"\"\"
    try:
        return socket.gethostbyname(os.environ["SECOND"]) == socket.gethostbyname(socket.gethostname())
    except (KeyError, OSError):
        return False


"""


@pytest.fixture
def home(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[Environment]:
    base, traefik = images
    times = {**SHORT, "bake": BAKE_SECONDS}
    with environment(tmp_path / "environment", engine, base=base, traefik=traefik, times=times) as built:
        yield built
        print(logs_of(built))


def copied(number: int = COPIES, *, healthy: str = "self.healthy()") -> Callable[[Path], None]:
    """The API has `number` copies, each of which says which one it is. `healthy`: an expression of its health."""

    def edit(tree: Path) -> None:
        replace_in(tree / "docker-compose.yml", "x-api: &api\n", f"x-api: &api\n  deploy: {{replicas: {number}}}\n")
        for color in Color:
            second = f'{{COLOR: {color}, SECOND: "${{COMPOSE_PROJECT_NAME}}-api-{color}-2"}}'
            replace_in(tree / "docker-compose.yml", f"environment: {{COLOR: {color}}}", f"environment: {second}")
        file = tree / "common" / "http_service.py"
        replace_in(file, "import signal\n", "import signal\nimport socket\n")
        replace_in(file, ABOUT, WITH_COPY)
        replace_in(file, HEALTHY, HEALTHY.replace("self.healthy()", f"({healthy})"))
        replace_in(file, "class Service:", f"{SECOND.lstrip()}class Service:")

    return edit


NEVER = "not second_copy()"
SICK_FILE = "/tmp/sick"  # noqa: S108 - the container's own
UNTIL_SICK = f"not os.path.exists({SICK_FILE!r})"
MOST_REQUESTS = 300


def running(home: Environment, color: str) -> set[str]:
    return {c["Id"][:SHOWN] for c in home.containers(f"api-{color}", running_only=True)}


async def answering(home: Environment, number: int) -> set[str]:
    """The copies that answer clients now: beside the load, Traefik may give one of `number` many requests in a row."""
    client, found = HttpClient(home.targets["api"], LIMIT), set[str]()
    try:
        for asked in range(MOST_REQUESTS):
            if asked >= 5 * COPIES and len(found) >= number:
                break
            found.add(json.loads((await client.send("GET", "/version"))[1])["copy"])
    finally:
        await client.close()
    return found


async def all_answer(home: Environment, color: str, number: int = COPIES) -> bool:
    containers = running(home, color)
    return len(containers) == number and await answering(home, number) == containers


async def test_every_copy_serves_through_releases_and_rollbacks(home: Environment) -> None:
    first = await home.go_live("v1.0.0", edit=copied())
    assert (first["status"], first["evidence"]["start_api"]["copies"]) == ("success", COPIES)
    assert await all_answer(home, "blue")
    async with Load(home.targets.values(), RPS, slow_seconds=SLOW_SECONDS) as load:
        second = await home.go_live("v1.1.0", edit=copied())
        assert (second["status"], second["active_color"]) == ("success", "green")
        assert await all_answer(home, "green")
        assert running(home, "blue") == set()

        never = await home.go_live("v1.2.0", edit=copied(healthy=NEVER))
        assert (never["status"], never["reason_code"]) == ("failed", "never_healthy")
        assert "of 3 copies" in never["error"]
        assert home.containers("api-blue") == [], "all three were removed"
        assert await all_answer(home, "green")

        await home.post("/update/unpause")
        sick = await sick_in_the_bake(home, "v1.3.0")
        assert (sick["status"], sick["reason_code"]) == ("rolled_back", "bake_failed")
        assert "HTTP 503, 2 times in a row" in sick["error"], "of the copy, or of the route that asks it in turn"
        assert await all_answer(home, "green")

        await home.post("/update/unpause")
        fewer = await home.go_live("v1.4.0", edit=copied(2))
        assert fewer["status"] == "success"
        assert await all_answer(home, "blue", 2)
        back = (await home.post("/update/rollback")).json()["rollout_id"]
        assert (await home.ended(back, LIMIT))["status"] == "success"
        assert await all_answer(home, "green")
    assert load.report.failed == 0, f"{load.report.failures}\n{logs_of(home)}"
    assert set(load.report.versions) >= {"v1.0.0", "v1.1.0", "v1.3.0", "v1.4.0"}
    assert (await home.get("/status"))["current"]["copies"] == {"skills": 1, "api": COPIES}


async def sick_in_the_bake(home: Environment, tag: str) -> Json:
    """How the rollout of `tag` ends, of whose blue copies the second one is unhealthy from the bake on."""
    home.release(tag, edit=copied(healthy=UNTIL_SICK))
    rollout_id = (await home.announce(tag))["rollout_id"]
    await until_step(home, rollout_id, "bake")
    await asyncio.to_thread(_make_sick, home, f"{home.project}-api-blue-2")
    return await home.ended(rollout_id, LIMIT)


async def test_stopped_copy_leaves_the_route_and_comes_back(home: Environment) -> None:
    """An operator's own `docker compose up` changes nothing, and brings a removed copy back."""
    assert (await home.go_live("v1.0.0", edit=copied()))["status"] == "success"
    live = running(home, "blue")
    gone = f"{home.project}-api-blue-2"
    await asyncio.to_thread(_stop, home, gone)
    async with Load(home.targets.values(), RPS, slow_seconds=SLOW_SECONDS) as load:
        await until(lambda: gone not in _servers(home), LIMIT)
        await until(lambda: gone in _servers(home), LIMIT)
        await until(lambda: all_answer(home, "blue"), LIMIT)
        assert running(home, "blue") == live, "it was started again, not made again"
    assert load.report.failed == 0, f"{load.report.failures}\n{logs_of(home)}"
    await asyncio.to_thread(_use_the_live_release, home)
    await asyncio.to_thread(compose_up, home)
    assert running(home, "blue") == live


def _servers(home: Environment) -> str:
    """The part of the route file that Traefik reads."""
    return home.route_file.read_text().partition("\nhttp:")[2]


def _make_sick(home: Environment, name: str) -> None:
    with connected(home.engine.host) as client:
        assert client.containers.get(name).exec_run(["touch", SICK_FILE]).exit_code == 0


def _stop(home: Environment, name: str) -> None:
    with connected(home.engine.host) as client:
        client.containers.get(name).stop(timeout=20)


def _use_the_live_release(home: Environment) -> None:
    published = home.directory / "data" / "releases" / "current" / "compose.json"
    with (home.live / ".env").open("a") as file:
        file.write(f"COMPOSE_PROJECT_NAME={home.project}\nCOMPOSE_FILE={published}\n")
