"""The stack grows, is renamed in and shrinks under load: each change goes live, back, and through a plain Compose."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.clients import plain_client
from deploy.demo.docker.engine import connected
from deploy.demo.environment import Environment, compose_up, wait_until_up
from deploy.demo.load import Load
from deploy.demo.processes import end_group
from workers.adapters.docker_host.compose.program import find_compose

pytestmark = pytest.mark.engine

MAIL_HOST = "mail.demo.example"
MAIL = {
    **{"blue": "mail-blue", "green": "mail-green", "port": 8080, "health": "/health"},
    **{"entrypoint": "api", "rule": f"Host(`{MAIL_HOST}`)"},
}
OF_API = 401
"""What the api answers there: its rule takes every request that no other rule takes."""

LIMIT = 300.0
Json = dict[str, Any]


def with_services(*, mail: bool = False, cron: bool = False, bot: str = "bot") -> Callable[[Path], None]:
    """The release's Compose file: `mail` is routed and `cron` a singleton, both of the build of skills."""

    def edit(tree: Path) -> None:
        file = tree / "docker-compose.yml"
        services: Json = (model := yaml.safe_load(file.read_text()))["services"]
        services |= {f"mail-{color}": services[f"skills-{color}"] for color in ("blue", "green") if mail}
        services |= {"cron": {**services["skills-blue"], "environment": {"COLOR": "none"}}} if cron else {}
        services[bot] = services.pop("bot")
        services["gateway"]["depends_on"] = ["skills-blue", "skills-green"]
        file.write_text(yaml.safe_dump(model))

    return edit


def restack(home: Environment, change: Callable[[Json], object]) -> None:
    """The operator changes the stack file, and restarts web and worker."""
    file = home.directory / "stack.yml"
    content: Json = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    for name in list(home.processes):
        end_group(home.processes[name])
        home.start(name)
    wait_until_up(home)


async def mail_answers(home: Environment) -> int:
    async with plain_client(timeout=60) as client:
        return (await client.get(f"{home.routes['api']}/health", headers={"Host": MAIL_HOST})).status_code


async def until_mail_is_gone(home: Environment) -> None:
    async with asyncio.timeout(LIMIT):
        while True:
            if await mail_answers(home) == OF_API:
                return
            await asyncio.sleep(0.1)


def running(home: Environment) -> dict[str, str]:
    """The running containers' services, with when each started."""
    found = home.containers(running_only=True)
    return {c["Config"]["Labels"]["com.docker.compose.service"]: c["State"]["StartedAt"] for c in found}


async def by_hand(home: Environment) -> set[str]:
    """The services that run, which a plain `docker compose` in the live directory accepts and leaves as they are."""
    before = running(home)
    for command in (["config", "--quiet"], ["ps"]):
        await asyncio.to_thread(plain_compose, home, *command)
    await asyncio.to_thread(compose_up, home)
    assert running(home) == before
    return {*before} - {"traefik", "gateway"}


def plain_compose(home: Environment, *command: str) -> None:
    env, compose = {**os.environ, **home.env}, find_compose()
    done = subprocess.run([*compose, *command], cwd=home.live, env=env, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()


async def warnings_of(home: Environment) -> dict[str, str]:
    """What `updater doctor` says of services that only the stack file or the live release has."""
    checks = (await home.get("/doctor"))["checks"]
    return {c["name"]: c["remedy"] for c in checks if c["name"].startswith(("left_", "new_"))}


async def roll_back(home: Environment) -> Json:
    answer = await home.post("/update/rollback")
    assert answer.is_success, answer.text
    result = await home.ended(answer.json()["rollout_id"], LIMIT)
    assert result["status"] == "success", result["error"]
    (await home.post("/update/unpause")).raise_for_status()
    return result


async def go_live(home: Environment, tag: str, **services: Any) -> Json:
    result = await home.go_live(tag, edit=with_services(**services))
    assert result["status"] == "success", result["error"]
    return result


async def test_stack_grows_is_renamed_and_shrinks_under_load(home: Environment) -> None:
    with (home.live / ".env").open("a") as file:
        file.write(f"COMPOSE_PROJECT_NAME={home.project}\n")
        file.write(f"COMPOSE_FILE={home.directory / 'data' / 'releases' / 'current' / 'compose.json'}\n")
    await go_live(home, "v1.0.0")
    first = await by_hand(home)
    assert first == {"skills-blue", "api-blue", "bot"}

    async with Load(list(home.routes.values()), rps=40, slow_seconds=2) as load:
        # A routed service and a singleton are added, and the bot has another Compose service.
        def grow(stack: Json) -> None:
            stack["routed"]["mail"] = MAIL
            stack["singletons"] |= {"cron": {"service": "cron"}, "bot": {"service": "discord"}}

        restack(home, grow)
        assert {*await warnings_of(home)} == {"new_mail", "new_cron"}
        assert await by_hand(home) == first, "the live release keeps what it has"
        await go_live(home, "v1.1.0", mail=True, cron=True, bot="discord")
        assert await mail_answers(home) == 200
        grown = await by_hand(home)
        assert grown == {"skills-green", "api-green", "mail-green", "cron", "discord"}

        back = await roll_back(home)
        assert any("v1.0.0 lacks mail, cron" in warning for warning in back["warnings"])
        assert await mail_answers(home) == OF_API, "its route is gone"
        assert await by_hand(home) == first

        await go_live(home, "v1.2.0", mail=True, cron=True, bot="discord")
        assert await mail_answers(home) == 200

        # The routed service and the singleton are removed again.
        def shrink(stack: Json) -> None:
            del stack["routed"]["mail"], stack["singletons"]["cron"]

        restack(home, shrink)
        left = await warnings_of(home)
        assert {*left} == {"left_mail-green", "left_cron"}
        assert all("docker stop" in remedy for remedy in left.values())
        await until_mail_is_gone(home)
        await go_live(home, "v1.3.0", bot="discord")
        assert await by_hand(home) == {"skills-blue", "api-blue", "discord", "mail-green", "cron"}

        await roll_back(home)
        for container in home.containers("mail-green", "cron", running_only=True):
            await asyncio.to_thread(stop, home, container["Id"])
        assert await by_hand(home) == {"skills-green", "api-green", "discord"}, "nothing starts them again"
        report = await load.stop()
    assert (report.failed, report.failures) == (0, [])
    assert report.requests > 500
    assert (await home.sessions())["max"] == 1, "no bot ran twice"


def stop(home: Environment, container: str) -> None:
    with connected(home.engine.host) as client:
        client.containers.get(container).stop()
