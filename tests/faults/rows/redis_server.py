"""Redis stops, returns with old data, or refuses to write."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import redis

from tests.faults.kill_points import Point, until, until_point
from tests.faults.observers import converge, history
from tests.faults.scenario import Scenario, row
from tests.faults.stage import Stage

AWAY_SECONDS = 3.0
REBUILT_SECONDS = 10.0


@row(
    5,
    "Redis down before the answer; down in mid-rollout; slow",
    "C; 503 or a durable 202; the rollout continues",
    minutes=0.8,
)
async def away(scenario: Scenario) -> None:
    await _down_before_the_answer(scenario)
    await _down_in_mid_rollout(scenario)
    await _down_when_the_worker_starts(scenario)
    await _slow(scenario)


async def _down_before_the_answer(scenario: Scenario) -> None:
    stage, tag = scenario.stage, scenario.stage.next_tag()
    stage.home.release(tag)
    number = next(stage.home.release_ids)
    stage.redis_server.kill()
    refused = await stage.deliver(tag, number)
    scenario.result.expect(refused.status_code == 503, f"Redis is down, and the answer is {refused.status_code}")
    scenario.result.expect("retry-after" in refused.headers, "the 503 has no Retry-After")
    stage.redis_server.start()
    again = await stage.deliver(tag, number)
    scenario.result.expect(again.status_code in {200, 202}, f"Redis is back, and the answer is {again.status_code}")
    await scenario.went_live(tag, "Redis was down before the answer")


async def _down_in_mid_rollout(scenario: Scenario) -> None:
    stage, tag = scenario.stage, await scenario.publish()
    await scenario.reach(tag, "git_checkout_tag")
    stage.redis_server.kill()
    over = await until_point(stage, tag, Point("prune"))
    scenario.result.expect(over, "the rollout did not continue without Redis")
    stage.redis_server.start()
    await scenario.went_live(tag, "Redis was down from git_checkout_tag to prune")


async def _down_when_the_worker_starts(scenario: Scenario) -> None:
    """To finish an interrupted rollout the worker needs only the state file."""
    stage, tag = scenario.stage, await scenario.publish()
    await scenario.reach(tag, "docker_build")
    stage.redis_server.kill()
    stage.restart()
    await until(stage, None, lambda state: bool(state) and state["rollout"] is None and state["current"]["tag"] == tag)
    stage.redis_server.start()
    await scenario.went_live(tag, "the worker was killed in docker_build and restarted while Redis was down")


async def _slow(scenario: Scenario) -> None:
    stage, tag = scenario.stage, scenario.stage.next_tag()
    stage.home.release(tag)
    number = next(stage.home.release_ids)
    async with frozen(stage, AWAY_SECONDS):
        slow = await stage.deliver(tag, number)
    scenario.result.expect(slow.status_code in {202, 503}, f"Redis hangs, and the answer is {slow.status_code}")
    if slow.status_code == 503:
        await stage.deliver(tag, number)
    await scenario.reach(tag, "start_skills")
    async with frozen(stage, AWAY_SECONDS):
        pass
    await scenario.went_live(tag, "Redis hung twice for 3 s")


@contextlib.asynccontextmanager
async def frozen(stage: Stage, seconds: float) -> AsyncIterator[None]:
    """Redis accepts connections and does not answer, for at least `seconds`."""
    pid = stage.redis_pid
    stage.freeze(pid)
    over = asyncio.create_task(asyncio.sleep(seconds))
    try:
        yield
        await over
    finally:
        stage.thaw(pid)


@row(
    6,
    "all of Redis lost; an old snapshot restored; Redis read-only",
    "C; no old release is deployed again",
    minutes=1.3,
)
async def lost(scenario: Scenario) -> None:
    await _everything_lost(scenario)
    await _old_snapshot(scenario)
    await _read_only(scenario)


async def _everything_lost(scenario: Scenario) -> None:
    stage, tag = scenario.stage, await scenario.publish()
    await scenario.went_live(tag, "before Redis is lost")
    before = {(e["tag"], e["result"]) for e in await history(stage)}
    stage.redis_server.kill()
    _empty(stage.redis_directory)
    stage.redis_server.start()
    await _look_again(stage)
    scenario.result.converged(await converge(stage, tag))
    lost = await _lost_from_history(stage, before)
    scenario.result.expect(not lost, f"the history lost {sorted(lost)}")
    old = await stage.deliver("v1.0.0", 1)
    scenario.result.expect(old.status_code in {200, 202}, f"the answer to a repeated old release is {old.status_code}")
    await asyncio.sleep(2)
    scenario.result.converged(await converge(stage, tag))


async def _lost_from_history(stage: Stage, before: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The entries still missing after REBUILT_SECONDS: the worker answers first and rebuilds the history later."""
    deadline = time.monotonic() + REBUILT_SECONDS * stage.patience
    while True:
        lost = before - {(e["tag"], e["result"]) for e in await history(stage)}
        if not lost or time.monotonic() > deadline:
            return lost
        await asyncio.sleep(0.1)


async def _old_snapshot(scenario: Scenario) -> None:
    """Restores a snapshot that was taken while a release waited in Redis; a newer release is live by then."""
    stage, kept = scenario.stage, scenario.stage.redis_directory.with_name("snapshot")
    stage.freeze(stage.worker.pid)
    older = await scenario.publish()
    stage.redis_server.kill()
    shutil.copytree(stage.redis_directory, kept)
    stage.redis_server.start()
    stage.thaw(stage.worker.pid)
    await scenario.went_live(older, "after Redis was restarted under a suspended worker")
    newer = await scenario.publish()
    await scenario.went_live(newer, "before the old snapshot is restored")
    stage.redis_server.kill()
    _empty(stage.redis_directory)
    shutil.copytree(kept, stage.redis_directory, dirs_exist_ok=True)
    shutil.rmtree(kept)
    stage.redis_server.start()
    stage.restart()
    await scenario.went_live(newer, f"an old snapshot of Redis was restored, in which {older} waits")


async def _read_only(scenario: Scenario) -> None:
    stage, tag = scenario.stage, scenario.stage.next_tag()
    stage.home.release(tag)
    number = next(stage.home.release_ids)
    with redis.Redis.from_url(stage.redis_server.url, socket_timeout=60) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        refused = await stage.deliver(tag, number)
        client.execute_command("REPLICAOF", "NO", "ONE")
    scenario.result.expect(refused.status_code == 503, f"Redis is read-only, and the answer is {refused.status_code}")
    await stage.deliver(tag, number)
    await scenario.went_live(tag, "Redis was read-only")


async def _look_again(stage: Stage) -> None:
    """Makes the worker look for work now, as it does by itself every full minute."""
    await stage.home.post("/update/unpause")


def _empty(directory: Path) -> None:
    for found in directory.iterdir():
        shutil.rmtree(found) if found.is_dir() else found.unlink()
