"""`rollback`: how soon an operator's rollback moves all traffic. Needs an engine.

While the release is on trial its old color is warm: against a flip of the same round. From stopped containers: the
benchmark `health`, against `docker start` by hand.
"""

import asyncio
import time
from collections.abc import Iterator

from deploy.bench.method.deployed import LOOK_SECONDS, ROLLOUT_SECONDS, deployed, idle_color, moved, succeeded, until
from deploy.bench.method.figures import Figure, Rounds
from deploy.bench.method.servers import Missing
from deploy.demo.clients import plain_client
from deploy.demo.docker.engine import Say
from deploy.demo.environment import Environment
from workers.routing.route_file import COLOR_KEY

BENCH = "rollback"
OURS, FLIP = "ours", "the flip of the same rollout, from the rename on"
UNITS = {"call to moved traffic, old color warm": "ms"}
BAKE_SECONDS = 120
"""Longer than the call takes to arrive: the rollout is still on trial."""


def measure(rounds: int, say: Say) -> Iterator[Figure]:
    """Every round rolls a release out until its bake, and back."""
    try:
        with deployed(say, bake=BAKE_SECONDS) as home:
            results = asyncio.run(_measure(home, rounds, say))
    except Missing as missing:
        say(f"{BENCH}: skipped: {missing}")
        return
    yield from results.figures(BENCH, OURS, FLIP, UNITS)


async def _measure(home: Environment, rounds: int, say: Say) -> Rounds:
    results = Rounds()
    say(f"{BENCH}: the first release goes live")
    succeeded(await home.go_live("v1.0.0", limit=ROLLOUT_SECONDS))
    for number in range(1, rounds + 1):
        say(f"{BENCH}: round {number} of {rounds}: a flip, and the rollback in the bake")
        for name, took in (await _there_and_back(home, f"v1.{number}.0")).items():
            results.add(name, dict.fromkeys(UNITS, 1000 * took))
    return results


async def _there_and_back(home: Environment, tag: str) -> dict[str, float]:
    """Returns the seconds by contender. Leaves the updater unpaused, with the release of before live."""
    target = await idle_color(home)
    origin = "blue" if target == "green" else "green"
    home.release(tag)
    async with asyncio.timeout(ROLLOUT_SECONDS), plain_client(timeout=1) as client:
        rollout_id = (await home.announce(tag))["rollout_id"]
        renamed = await until(lambda: f"{COLOR_KEY}{target}\n" in home.route_file.read_text())
        flip = await moved(home, client, target) - renamed
        await _baking(home)
        called = time.time()
        calling = asyncio.create_task(home.post("/update/rollback"))  # it answers when the rollback has ended
        back = await moved(home, client, origin) - called
        await calling
        result = await home.ended(rollout_id, ROLLOUT_SECONDS)
    if result["status"] != "rolled_back":
        raise RuntimeError(f"{tag} was not rolled back: it ended as {result['status']}, {result['error']}")
    await home.post("/update/unpause")
    return {OURS: back, FLIP: flip}


async def _baking(home: Environment) -> None:
    while ((await home.get("/status"))["rollout"] or {}).get("step") != "bake":
        await asyncio.sleep(LOOK_SECONDS)
