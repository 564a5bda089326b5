"""`health`: how long after its start a container counts as healthy, and how soon an operator's rollback moves traffic.

The engine runs the containers' own health checks every 30 s, and the stack file's `checks` has its defaults.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.bench.figures import Figure, Rounds
from deploy.bench.starts import Start, Starts, address_of, watched_starts
from deploy.demo.client_access import TIMES
from deploy.demo.clients import plain_client, plain_sync_client
from deploy.demo.docker.engine import Engine, Say, answering, connected
from deploy.demo.docker.images import ensure_base, ensure_traefik
from deploy.demo.environment import Environment, checked_every, environment

BENCH = "health"
OURS, OWN_ANSWER, BARE_START = "ours", "the process's own first answer", "docker start until both services answer"
CHECK_INTERVAL = "30s"
LIMITS = {**TIMES, "health": 90, "ready": 90, "bake": 1, "drain": 0.5}
ROUND_SECONDS = 300.0
LOOK_SECONDS = 0.01
HEALTHY = {f"{name}: container's start to healthy": "ms" for name in ("skills", "api", "bot")}
MOVED = {"rollback: call to moved traffic": "ms"}
STEPS = {"skills": "health_skills", "api": "health_api", "bot": "restart_bot"}
ASKED = {"skills": (8080, "/health"), "api": (8443, "/api/v1/health")}

Json = dict[str, Any]


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Deploys two releases. Every round rolls back from the live one to the other, whose color is stopped."""
    host = answering()
    if host is None:
        say(f"{BENCH}: skipped: no Docker Engine answers. Set DOCKER_HOST.")
        return
    images = {"base": ensure_base(host, say), "traefik": ensure_traefik(host, say)}
    options = {**images, "say": say, "times": LIMITS, "prepare": _as_installed}
    with (
        tempfile.TemporaryDirectory(prefix="zu-bench-") as directory,
        environment(Path(directory) / "environment", Engine(host, owned=False), **options) as home,  # type: ignore[arg-type]
        watched_starts(host, home.project) as starts,
    ):
        results = asyncio.run(_measure(home, starts, rounds, say))
    yield from results.figures(BENCH, OURS, OWN_ANSWER, HEALTHY)
    yield from results.figures(BENCH, OURS, BARE_START, MOVED)


def _as_installed(home: Environment) -> None:
    """Restores the default intervals, because the demo's own checks are more frequent."""
    checked_every(CHECK_INTERVAL)(home)
    file = home.directory / "stack.yml"
    stack = yaml.safe_load(file.read_text())
    del stack["checks"]
    file.write_text(yaml.safe_dump(stack, sort_keys=False))


async def _measure(home: Environment, starts: Starts, rounds: int, say: Say) -> Rounds:
    results = Rounds()
    say(f"{BENCH}: two releases go live")
    for tag in ("v1.0.0", "v1.1.0"):
        _succeeded(await home.go_live(tag, limit=ROUND_SECONDS))
    for number in range(1, rounds + 1):
        say(f"{BENCH}: round {number} of {rounds}: a rollback, and the stopped color started by hand")
        for contender, measured in (await Rollback(home, starts, await _idle(home)).measured()).items():
            results.add(contender, measured)
        results.add(BARE_START, await asyncio.to_thread(_bare_start, home, await _idle(home)))
    return results


def _succeeded(result: Json) -> None:
    if result["status"] != "success":
        raise RuntimeError(f"{result['tag']} did not go live: {result['error']}")


async def _idle(home: Environment) -> str:
    return "green" if (await home.get("/status"))["active_color"] == "blue" else "blue"


@dataclass(frozen=True)
class Rollback:
    """A rollback to the stopped `color`, observed through the engine's events, the ports and the rollout's log."""

    home: Environment
    starts: Starts
    color: str

    async def measured(self) -> Mapping[str, dict[str, float]]:
        """Returns the milliseconds by contender."""
        self.starts.forget()
        async with asyncio.timeout(ROUND_SECONDS), asyncio.TaskGroup() as group, plain_client(timeout=1) as client:
            answers = {name: group.create_task(self._answered(client, name)) for name in ASKED}
            lives = {**answers, "bot": group.create_task(self._connected(client))}
            moved = group.create_task(self._moved(client))
            called = time.time()
            rollout_id = (await self.home.post("/update/rollback")).json()["rollout_id"]
            done = await self._done(rollout_id)
            _succeeded(await self.home.ended(rollout_id, ROUND_SECONDS))
            await asyncio.wait([*lives.values(), moved])
        (figure,) = MOVED
        ours, own = {figure: 1000 * (moved.result() - called)}, {}
        for figure, (name, life) in zip(HEALTHY, lives.items(), strict=True):
            start, answered = life.result()
            ours[figure] = 1000 * (done[STEPS[name]] - start.at)
            own[figure] = 1000 * (answered - start.at)
        return {OURS: ours, OWN_ANSWER: own}

    async def _answered(self, client: httpx.AsyncClient, name: str) -> tuple[Start, float]:
        """Returns the start of the service's copy, and when its health path first answered."""
        start = await self.starts.of(f"{name}-{self.color}")
        port, path = ASKED[name]
        url = f"http://{await asyncio.to_thread(address_of, self.home.engine.host, start.container)}:{port}{path}"
        while not await _json(client, url):
            await asyncio.sleep(LOOK_SECONDS)
        return start, time.time()

    async def _connected(self, client: httpx.AsyncClient) -> tuple[Start, float]:
        """Returns the start of the bot, and when its session was open."""
        opened = (await self.home.sessions())["opened"]
        start = await self.starts.of("bot")
        while (await _json(client, f"{self.home.gateway_url}/sessions")).get("opened", opened) == opened:
            await asyncio.sleep(LOOK_SECONDS)
        return start, time.time()

    async def _moved(self, client: httpx.AsyncClient) -> float:
        """Returns when the color answered on every route."""
        for url in self.home.routes.values():
            while (await _json(client, f"{url}/version")).get("color") != self.color:
                await asyncio.sleep(LOOK_SECONDS)
        return time.time()

    async def _done(self, rollout_id: str) -> dict[str, float]:
        """Returns when the rollout's log reported each of STEPS as done."""
        log, done = self.home.directory / "data" / "logs" / f"{rollout_id}.log", dict[str, float]()
        while len(done) < len(STEPS):
            text = log.read_text() if log.exists() else ""
            done |= {step: time.time() for step in STEPS.values() if step not in done and f"{step}: done" in text}
            await asyncio.sleep(LOOK_SECONDS)
        return done


async def _json(client: httpx.AsyncClient, url: str) -> Json:
    """Returns the JSON of a 2xx answer; empty without one."""
    with contextlib.suppress(httpx.HTTPError, ValueError):
        answer = await client.get(url)
        return dict(answer.json()) if answer.is_success else {}
    return {}


def _bare_start(home: Environment, color: str) -> dict[str, float]:
    """Starts the stopped color without the updater, and stops it again."""
    with connected(home.engine.host) as client, plain_sync_client(timeout=1) as asking:
        stopped = {name: client.containers.get(home.containers(f"{name}-{color}")[0]["Id"]) for name in ASKED}
        began = time.monotonic()
        for container in stopped.values():
            container.start()
        for name, container in stopped.items():
            port, path = ASKED[name]
            url = f"http://{address_of(home.engine.host, str(container.id))}:{port}{path}"
            while not _answers(asking, url):
                time.sleep(LOOK_SECONDS)
        took = time.monotonic() - began
        for container in stopped.values():
            container.stop()
    return dict.fromkeys(MOVED, 1000 * took)


def _answers(client: httpx.Client, url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return client.get(url).is_success
    return False
