"""`gap`: how long no singleton runs during its hand-over, against a stop and a start by hand. Needs an engine."""

import asyncio
from collections.abc import Iterator

from deploy.bench.method.deployed import LOOK_SECONDS, ROLLOUT_SECONDS, deployed, succeeded
from deploy.bench.method.figures import Figure, Rounds, turns
from deploy.bench.method.servers import Missing
from deploy.demo.docker.engine import Say, connected
from deploy.demo.environment import Environment

BENCH = "gap"
OURS, BY_HAND = "ours", "docker stop and docker start by hand"
UNITS = {"bot: time without a session": "ms"}
ENGINE_SECONDS = 60


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Every round rolls one release out, and restarts the bot once by hand. The gateway counts both gaps exactly."""
    try:
        with deployed(say) as home:
            results = asyncio.run(_measure(home, rounds, say))
    except Missing as missing:
        say(f"{BENCH}: skipped: {missing}")
        return
    yield from results.figures(BENCH, OURS, BY_HAND, UNITS)


async def _measure(home: Environment, rounds: int, say: Say) -> Rounds:
    results = Rounds()
    succeeded(await home.go_live("v1.0.0", limit=ROLLOUT_SECONDS))
    for number, turn in enumerate(turns([OURS, BY_HAND], rounds), 1):
        for name in turn:
            say(f"{BENCH}: round {number} of {rounds}: {name}")
            before = (await home.sessions())["opened"]
            if name == OURS:
                succeeded(await home.go_live(f"v1.{number}.0", limit=ROLLOUT_SECONDS))
            else:
                await asyncio.to_thread(_restarted, home)
            results.add(name, dict.fromkeys(UNITS, await _gap_ms(home, before)))
    return results


def _restarted(home: Environment) -> None:
    """Stops and starts the bot, each with the engine's own call, as `docker stop && docker start` do."""
    (bot,) = home.containers("bot", running_only=True)
    with connected(home.engine.host, ENGINE_SECONDS) as client:
        container = client.containers.get(bot["Id"])
        container.stop()
        container.start()


async def _gap_ms(home: Environment, opened: int) -> float:
    """Returns the last gap, once more sessions than `opened` were opened."""
    async with asyncio.timeout(ROLLOUT_SECONDS):
        while (sessions := await home.sessions())["opened"] <= opened or not sessions["open"]:
            await asyncio.sleep(LOOK_SECONDS)
    return 1000 * float(sessions["gap_seconds"])
