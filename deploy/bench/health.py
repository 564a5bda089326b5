"""`health`: how long after its start a container counts as healthy, and how soon an operator's rollback moves traffic.

The engine runs the containers' own health checks every 30 s, and the stack file's `checks` has its defaults.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx

from deploy.bench.method.deployed import LOOK_SECONDS, ROLLOUT_SECONDS, deployed, idle_color, json_at, moved, succeeded
from deploy.bench.method.figures import Figure, Rounds
from deploy.bench.method.servers import Missing
from deploy.bench.method.starts import Start, Starts, address_of, watched_starts
from deploy.demo.clients import plain_client, plain_sync_client
from deploy.demo.docker.engine import Say, connected
from deploy.demo.environment import Environment

BENCH = "health"
OURS, OWN_ANSWER, BARE_START = "ours", "the process's own first answer", "docker start until both services answer"
HEALTHY = {f"{name}: container's start to healthy": "ms" for name in ("skills", "api", "bot")}
MOVED = {"rollback: call to moved traffic": "ms"}
STEPS = {"skills": "health_skills", "api": "health_api", "bot": "restart_bot"}
ASKED = {"skills": (8080, "/health"), "api": (8443, "/api/v1/health")}


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Deploys two releases. Every round rolls back from the live one to the other, whose color is stopped."""
    try:
        with deployed(say) as home, watched_starts(home.engine.host, home.project) as starts:
            results = asyncio.run(_measure(home, starts, rounds, say))
    except Missing as missing:
        say(f"{BENCH}: skipped: {missing}")
        return
    yield from results.figures(BENCH, OURS, OWN_ANSWER, HEALTHY)
    yield from results.figures(BENCH, OURS, BARE_START, MOVED)


async def _measure(home: Environment, starts: Starts, rounds: int, say: Say) -> Rounds:
    results = Rounds()
    say(f"{BENCH}: two releases go live")
    for tag in ("v1.0.0", "v1.1.0"):
        succeeded(await home.go_live(tag, limit=ROLLOUT_SECONDS))
    for number in range(1, rounds + 1):
        say(f"{BENCH}: round {number} of {rounds}: a rollback, and the stopped color started by hand")
        for contender, measured in (await Rollback(home, starts, await idle_color(home)).measured()).items():
            results.add(contender, measured)
        results.add(BARE_START, await asyncio.to_thread(_bare_start, home, await idle_color(home)))
    return results


@dataclass(frozen=True)
class Rollback:
    """A rollback to the stopped `color`, observed through the engine's events, the ports and the rollout's log."""

    home: Environment
    starts: Starts
    color: str

    async def measured(self) -> Mapping[str, dict[str, float]]:
        """Returns the milliseconds by contender."""
        self.starts.forget()
        async with asyncio.timeout(ROLLOUT_SECONDS), asyncio.TaskGroup() as group, plain_client(timeout=1) as client:
            answers = {name: group.create_task(self._answered(client, name)) for name in ASKED}
            lives = {**answers, "bot": group.create_task(self._connected(client))}
            everywhere = group.create_task(moved(self.home, client, self.color))
            called = time.time()
            rollout_id = (await self.home.post("/update/rollback")).json()["rollout_id"]
            done = await self._done(rollout_id)
            succeeded(await self.home.ended(rollout_id, ROLLOUT_SECONDS))
            await asyncio.wait([*lives.values(), everywhere])
        (figure,) = MOVED
        ours, own = {figure: 1000 * (everywhere.result() - called)}, {}
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
        while not await json_at(client, url):
            await asyncio.sleep(LOOK_SECONDS)
        return start, time.time()

    async def _connected(self, client: httpx.AsyncClient) -> tuple[Start, float]:
        """Returns the start of the bot, and when its session was open."""
        opened = (await self.home.sessions())["opened"]
        start = await self.starts.of("bot")
        while (await json_at(client, f"{self.home.gateway_url}/sessions")).get("opened", opened) == opened:
            await asyncio.sleep(LOOK_SECONDS)
        return start, time.time()

    async def _done(self, rollout_id: str) -> dict[str, float]:
        """Returns when the rollout's log reported each of STEPS as done."""
        log, done = self.home.directory / "data" / "logs" / f"{rollout_id}.log", dict[str, float]()
        while len(done) < len(STEPS):
            text = log.read_text() if log.exists() else ""
            done |= {step: time.time() for step in STEPS.values() if step not in done and f"{step}: done" in text}
            await asyncio.sleep(LOOK_SECONDS)
        return done


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
