"""The time of day is set a day ahead and a day back."""

import asyncio
import email.utils
import time
from datetime import datetime

import redis

from deploy.demo.clients import plain_client
from tests.faults.breakage.false_clock import FalseClock, false_clock
from tests.faults.observers import converge, history
from tests.faults.scenario import Scenario, row
from tests.faults.stage import Stage

DAY_SECONDS = 24 * 3600.0
AGREES_SECONDS = 3600.0
"""Far less than a day, and more than the row takes."""

LONELY_SECONDS = 15.0
"""After this time the worker's heartbeat in Redis has expired, unless the worker has renewed it."""

STEPS = (("docker_build", 1), ("restart_bot", -1), ("bake", 1), ("health_skills", 0))
"""The step in which the clock is set, and its offset in days; the quick pass plays the first two."""

QUICK = 2


@row(23, "the clock steps by a day, ahead and back, in mid-rollout", "deadlines are monotonic; E", minutes=1.5)
async def clock_steps(scenario: Scenario) -> None:
    stage, tags = scenario.stage, []
    with false_clock(stage) as clock:
        await converge(stage)
        for step, days in STEPS[: QUICK if scenario.quick else None]:
            what = f"the clock was set {days:+} days off in {step}"
            tags.append(await _set_in_mid_rollout(scenario, clock, step, days, what))
            await _expect_alive(scenario, what)
        entries = [e for e in await history(stage) if e["tag"] in tags]
        scenario.result.expect(
            [e["tag"] for e in entries] == tags[::-1], f"the history is not in newest-first order: {entries}"
        )
        negative = [e for e in entries if e["duration_seconds"] < 0]
        scenario.result.expect(not negative, f"rollouts that ended before they began: {negative}")
    scenario.result.converged(await converge(stage, tags[-1]))


async def _set_in_mid_rollout(scenario: Scenario, clock: FalseClock, step: str, days: int, what: str) -> str:
    stage, tag = scenario.stage, await scenario.publish()
    await scenario.reach(tag, step)
    before = (stage.worker.pid, stage.journal()["epoch"])
    clock.set(days)
    await scenario.went_live(tag, what)
    after = (stage.worker.pid, stage.journal()["epoch"])
    scenario.result.expect(after == before and stage.worker.poll() is None, f"{what}: the worker lost its lease")
    for source, off in (await _how_far_off(stage)).items():
        scenario.result.expect(abs(off - days * DAY_SECONDS) < AGREES_SECONDS, f"{what}: {source} is {off:.0f} s off")
    return tag


async def _expect_alive(scenario: Scenario, what: str) -> None:
    await asyncio.sleep(LONELY_SECONDS)
    deadline = time.monotonic() + LONELY_SECONDS * scenario.stage.patience  # a busy worker may be late once
    while True:
        alive = (await scenario.stage.home.get("/status"))["worker_alive"]
        if alive or time.monotonic() > deadline:
            break
        await asyncio.sleep(1)
    scenario.result.expect(alive, f"{what}: /status reports that the worker is not alive")


async def _how_far_off(stage: Stage) -> dict[str, float]:
    """By how many seconds each process is off, read from its own answers: this proves that the fault happened."""
    async with plain_client(timeout=60) as client:
        date = (await client.get(stage.home.public_url)).headers["date"]
    with redis.Redis.from_url(stage.redis_server.url, socket_timeout=60) as server:
        seconds, _ = server.time()
    ended = (await history(stage))[0]["timestamp"]
    times = {
        "Redis": float(seconds),
        "the web process": email.utils.parsedate_to_datetime(date).timestamp(),
        "the worker": datetime.fromisoformat(ended).timestamp(),
    }
    return {source: at - time.time() for source, at in times.items()}
