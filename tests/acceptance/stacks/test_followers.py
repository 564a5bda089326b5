"""A worker with several copies and a long job, and one-shot jobs, on real parts under load."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.compose import COMPOSE_SECONDS
from deploy.demo.docker.engine import Engine, connected
from deploy.demo.environment import Environment, environment, logs_of
from deploy.demo.load import Load
from tests.acceptance.conftest import SHORT
from workers.adapters.docker_host.compose.program import find_compose

pytestmark = pytest.mark.engine

COPIES, JOB_SECONDS = 3, 20
TIMES = {**SHORT, "stop_grace": 3}
"""The job needs longer than `times/stop_grace`: only the service's own grace is enough."""

WORK = f"""
import signal, sys, time
def finish(*_):
    print("the job goes on", flush=True)
    time.sleep({JOB_SECONDS})
    print("the job is done", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
open("/tmp/ready", "w").close()
while True:
    signal.pause()
"""
LIMIT = 400.0
STEPS = ["before_flip_1_seed", "before_flip_2_migrate"]


@pytest.fixture
def home(engine: Engine, images: tuple[str, str], tmp_path: Path) -> Iterator[Environment]:
    """An environment whose stack has the follower `queue` and two jobs, with no live release."""
    base, traefik = images
    more = {
        "followers": {"queue": {"service": "worker"}},
        "before_flip": [{"service": "seed", "limit": 180}, {"service": "migrate", "limit": 180}],
    }

    def prepare(home: Environment) -> None:
        file = home.directory / "stack.yml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **more}))
        data = home.directory / "data"
        with (home.live / ".env").open("a") as env:
            env.write(f"COMPOSE_PROJECT_NAME={home.project}\nCOMPOSE_FILE={data}/releases/current/compose.json\n")

    with environment(tmp_path / "env", engine, base=base, traefik=traefik, times=TIMES, prepare=prepare) as built:
        yield built
        print(logs_of(built))


def services(tag: str, ready: str) -> dict[str, Any]:
    """The worker, a job with an image of its own, and one with a build of its own."""
    image = {"image": "${DEMO_BASE_IMAGE}", "pull_policy": "never"}
    worker = {
        **image,
        "command": ["python3", "-c", WORK],
        "environment": {"RELEASE": tag},
        "deploy": {"replicas": COPIES},
        "stop_grace_period": "60s",
        "healthcheck": {"test": ["CMD", "python3", "-IS", "-c", ready], "interval": "30s"},
        "depends_on": {"migrate": {"condition": "service_completed_successfully"}},
    }
    seed = {**image, "command": ["python3", "-c", f"print('seeded for {tag}')"]}
    script = "import socket; socket.create_connection(('gateway', 7000), 5); print('migrated')"
    migrate = {
        "build": {"context": ".", "dockerfile_inline": "FROM ${DEMO_BASE_IMAGE}\nLABEL job=migrate\n"},
        "command": ["python3", "-c", script],
        "depends_on": {
            "seed": {"condition": "service_completed_successfully"},
            "gateway": {"condition": "service_started"},
        },
    }
    return {"worker": worker, "seed": seed, "migrate": migrate}


def release(tag: str, ready: str = "import os; os.stat('/tmp/ready')") -> Callable[[Path], None]:
    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        model = yaml.safe_load(file.read_text())
        model["services"] |= services(tag, ready)
        file.write_text(yaml.safe_dump(model))

    return edit


def workers(home: Environment, tag: str) -> list[dict[str, Any]]:
    found = home.containers("worker")
    return [c for c in found if f"RELEASE={tag}" in c["Config"]["Env"]]


def running(home: Environment) -> dict[str, set[str]]:
    """The ids of the running workers, by release."""
    tags = ("v1.0.0", "v1.1.0", "v1.2.0")
    found = {tag: {c["Id"] for c in workers(home, tag) if c["State"]["Running"]} for tag in tags}
    return {tag: ids for tag, ids in found.items() if ids}


def ended_in_peace(home: Environment, tag: str) -> bool:
    """Whether every copy of that release finished its job after SIGTERM."""
    with connected(home.engine.host) as client:
        logs = [client.containers.get(c["Id"]).logs().decode() for c in workers(home, tag)]
    codes = {c["State"]["ExitCode"] for c in workers(home, tag)}
    return codes == {0} and len(logs) == COPIES and all(log.rstrip().endswith("the job is done") for log in logs)


def by_hand(home: Environment, *words: str) -> str:
    """Runs `docker compose` in the live directory, as an operator does."""
    env = {"PATH": "/usr/bin:/bin", "DOCKER_HOST": home.engine.host, "COMPOSE_BAKE": "false"}
    done = subprocess.run(
        [*find_compose(), *words],
        cwd=home.live,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMPOSE_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def all_running(home: Environment) -> set[tuple[str, str]]:
    return {(c["Id"], c["State"]["StartedAt"]) for c in home.containers(running_only=True)}


async def test_long_jobs_end_in_peace(home: Environment) -> None:
    first = await home.go_live("v1.0.0", edit=release("v1.0.0"))
    assert (first["status"], first["warnings"]) == ("success", []), first
    async with Load(list(home.routes.values()), rps=20, slow_seconds=1) as load:
        second = await home.go_live("v1.1.0", limit=LIMIT, edit=release("v1.1.0"))
        assert (second["status"], second["warnings"]) == ("success", []), second
        assert [step for step in second["steps_completed"] if step in STEPS] == STEPS
        log = (home.directory / "data" / "logs" / f"{second['rollout_id']}.log").read_text()
        assert log.index("seeded for v1.1.0") < log.index("migrated") < log.index("start_skills: done")
        assert {tag: len(ids) for tag, ids in running(home).items()} == {"v1.1.0": COPIES}
        assert ended_in_peace(home, "v1.0.0")
        await plain_up_changes_nothing(home)
        answer = await home.post("/update/rollback")
        back = await home.ended(answer.json()["rollout_id"], LIMIT)
        assert (back["status"], back["tag"]) == ("success", "v1.0.0"), back
        assert {tag: len(ids) for tag, ids in running(home).items()} == {"v1.0.0": COPIES}
        assert ended_in_peace(home, "v1.1.0")
        await bad_follower_keeps_the_old_copies(home)
        report = await load.stop()
    assert (report.failed, report.failures) == (0, [])
    assert (await home.sessions())["max"] == 1


async def plain_up_changes_nothing(home: Environment) -> None:
    """It neither recreates nor adds a container, and runs no job."""
    before = all_running(home)
    by_hand(home, "up", "--detach")
    assert all_running(home) == before
    assert home.containers("seed", "migrate") == []
    assert by_hand(home, "ps", "--quiet", "worker").split() != []


async def bad_follower_keeps_the_old_copies(home: Environment) -> None:
    before = running(home)
    home.release("v1.2.0", edit=release("v1.2.0", ready="raise SystemExit(1)"))
    answer = await home.post("/update/apply", {"tag": "v1.2.0", "force": True})
    ended = await home.ended(answer.json()["rollout_id"], LIMIT)
    assert (ended["status"], ended["reason_code"]) == ("rolled_back", "follower_never_ready"), ended
    assert running(home) == before
    assert workers(home, "v1.2.0") == []
